// Makes made_by_go.json: tokens signed by the libraries of the original registry.
// go mod init check && go get github.com/go-jose/go-jose/v4 github.com/docker/libtrust && go run .
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/docker/libtrust"
	"github.com/go-jose/go-jose/v4"
)

type tok struct{ What, Token string }

func must[T any](v T, e error) T {
	if e != nil {
		panic(e)
	}
	return v
}

func main() {
	now := int64(1767225600)
	claims := must(json.Marshal(map[string]any{"iss": "auth.example", "sub": "ann", "aud": []string{"registry.example"}, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "made-by-go", "access": []any{map[string]any{"type": "repository", "name": "team/app", "actions": []string{"pull"}}}}))
	sign := func(key any, alg jose.SignatureAlgorithm, kid string, more map[jose.HeaderKey]any, embed bool) string {
		opts := (&jose.SignerOptions{EmbedJWK: embed}).WithType("JWT")
		for k, v := range more {
			opts = opts.WithHeader(k, v)
		}
		s := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, opts))
		return must(must(s.Sign(claims)).CompactSerialize())
	}
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	var toks []tok
	set := jose.JSONWebKeySet{}
	for _, k := range []struct {
		kid string
		key crypto.Signer
		alg []jose.SignatureAlgorithm
	}{
		{"rsa", rsaKey, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}},
		{"p256", p256, []jose.SignatureAlgorithm{jose.ES256}},
		{"p384", p384, []jose.SignatureAlgorithm{jose.ES384}},
		{"p521", p521, []jose.SignatureAlgorithm{jose.ES512}},
		{"ed", ed, []jose.SignatureAlgorithm{jose.EdDSA}},
	} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.key.Public(), KeyID: k.kid, Use: "sig"})
		for _, a := range k.alg {
			toks = append(toks, tok{"jwks " + string(a), sign(k.key, a, k.kid, nil, false)})
		}
		jwk := jose.JSONWebKey{Key: k.key.Public()}
		toks = append(toks, tok{"thumbprint " + k.kid, sign(k.key, k.alg[0], b64(must(jwk.Thumbprint(crypto.SHA256))), nil, false)})
		toks = append(toks, tok{"embedded " + k.kid, sign(k.key, k.alg[0], "", nil, true)})
	}
	// a bundle: a self-signed CA (RSA), a leaf of it (P-256), as openssl makes them
	caTmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "auth"}, NotBefore: time.Unix(now-86400, 0), NotAfter: time.Unix(now+86400*3650, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	caKey := must(rsa.GenerateKey(rand.Reader, 2048))
	caDer := must(x509.CreateCertificate(rand.Reader, caTmpl, caTmpl, caKey.Public(), caKey))
	leafKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leafTmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "signer"}, NotBefore: caTmpl.NotBefore, NotAfter: caTmpl.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature}
	leafDer := must(x509.CreateCertificate(rand.Reader, leafTmpl, must(x509.ParseCertificate(caDer)), leafKey.Public(), caKey))
	lt := must(libtrust.FromCryptoPublicKey(caKey.Public()))
	toks = append(toks, tok{"libtrust name of a bundled certificate", sign(caKey, jose.RS256, lt.KeyID(), nil, false)})
	toks = append(toks, tok{"thumbprint of a bundled certificate", sign(caKey, jose.RS256, b64(must((&jose.JSONWebKey{Key: caKey.Public()}).Thumbprint(crypto.SHA256))), nil, false)})
	toks = append(toks, tok{"x5c leaf", sign(leafKey, jose.ES256, "", map[jose.HeaderKey]any{"x5c": [][]byte{leafDer}}, false)})
	toks = append(toks, tok{"x5c leaf and root", sign(leafKey, jose.ES256, "", map[jose.HeaderKey]any{"x5c": [][]byte{leafDer, caDer}}, false)})
	toks = append(toks, tok{"x5c self-signed root itself", sign(caKey, jose.RS256, "", map[jose.HeaderKey]any{"x5c": [][]byte{caDer}}, false)})
	bundle := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDer}))
	out := must(json.MarshalIndent(map[string]any{"jwks": set, "bundle": bundle, "tokens": toks}, "", " "))
	fmt.Println(string(out))
}

func b64(b []byte) string {
	const a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	s, bits, n := "", 0, 0
	for _, x := range b {
		bits = bits<<8 | int(x)
		n += 8
		for n >= 6 {
			n -= 6
			s += string(a[bits>>n&63])
		}
	}
	if n > 0 {
		s += string(a[bits<<(6-n)&63])
	}
	return s
}
