// Command early streams a large body to a registry that refuses it, again and again, and prints what it
// was told: one line per attempt, "STATUS CODE" or "error: …". Go's client is the one most registry
// clients are built on, and it loses an answer whose connection is closed while it still writes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

var (
	times  = flag.Int("times", 20, "attempts")
	size   = flag.Int64("size", 200<<20, "bytes of each body")
	method = flag.String("method", "PATCH", "method of the refused request")
	header = flag.String("header", "", "one header as `Name: value`")
	begin  = flag.Bool("begin", false, "POST to the URL first and send the body to its Location")
)

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

func main() {
	flag.Parse()
	for attempt := range *times {
		fmt.Println(try(flag.Arg(0), attempt%2 == 0))
	}
}

// try sends one body, with its length announced or in chunks, over a connection of its own.
func try(target string, announced bool) string {
	client := &http.Client{Transport: &http.Transport{}}
	if *begin {
		begun, err := client.Post(target, "", nil)
		if err != nil {
			return "error: " + err.Error()
		}
		begun.Body.Close()
		base, _ := url.Parse(target)
		place, err := base.Parse(begun.Header.Get("Location"))
		if err != nil {
			return "error: " + err.Error()
		}
		target = place.String()
	}
	request, err := http.NewRequest(*method, target, io.LimitReader(zeros{}, *size))
	if err != nil {
		return "error: " + err.Error()
	}
	if announced {
		request.ContentLength = *size
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	if name, value, found := strings.Cut(*header, ": "); found {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		return "error: " + err.Error()
	}
	defer answer.Body.Close()
	var told struct{ Errors []struct{ Code string } }
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || len(told.Errors) == 0 {
		return fmt.Sprintf("%d without an error body", answer.StatusCode)
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, told.Errors[0].Code)
}
