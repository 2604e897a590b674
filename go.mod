module github.com/meshway/meshway

go 1.26
