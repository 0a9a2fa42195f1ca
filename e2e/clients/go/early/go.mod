module early

go 1.22
