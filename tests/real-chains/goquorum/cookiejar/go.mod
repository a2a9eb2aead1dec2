module gopkg.in/karalabe/cookiejar.v2

go 1.18
