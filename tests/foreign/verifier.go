// An independent reader of a served log: golang.org/x/mod's sumdb/note and sumdb/tlog, none of our code.
// Usage: verifier ADDRESS VERIFIER-KEY. Checks the signature, every tile it needs, and every leaf's place in the tree.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func refuse(why string, fault error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", why, fault)
	os.Exit(1)
}

func fetch(url string) []byte {
	answer, fault := http.Get(url)
	if fault != nil {
		refuse(url, fault)
	}
	defer answer.Body.Close()
	body, fault := io.ReadAll(answer.Body)
	if fault != nil || answer.StatusCode != 200 {
		refuse(url, fmt.Errorf("status %d, %v", answer.StatusCode, fault))
	}
	return body
}

// index writes a tile's number as the paths of tlog-tiles have it: x001/234, and .p/W where it is not full.
func index(number int64, width int) string {
	path := fmt.Sprintf("%03d", number%1000)
	for number >= 1000 {
		number /= 1000
		path = fmt.Sprintf("x%03d/%s", number%1000, path)
	}
	if width < 1<<height {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

type served struct{ address string }

func (s served) Height() int                           { return height }
func (s served) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		found = append(found, fetch(fmt.Sprintf("%s/log/tile/%d/%s", s.address, tile.L, index(tile.N, tile.W))))
	}
	return found, nil
}

func opened(address, key string) tlog.Tree {
	verifier, fault := note.NewVerifier(key)
	if fault != nil {
		refuse("key", fault)
	}
	signed, fault := note.Open(fetch(address+"/log/checkpoint"), note.VerifierList(verifier))
	if fault != nil {
		refuse("checkpoint", fault)
	}
	lines := strings.Split(signed.Text, "\n")
	size, fault := strconv.ParseInt(lines[1], 10, 64)
	if fault != nil || lines[0] != verifier.Name() {
		refuse("checkpoint", fmt.Errorf("origin %q, %v", lines[0], fault))
	}
	root, fault := base64.StdEncoding.DecodeString(lines[2])
	if fault != nil || len(root) != tlog.HashSize {
		refuse("root", fault)
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func entries(address string, number int64, width int) [][]byte {
	var found [][]byte
	body := fetch(fmt.Sprintf("%s/log/tile/entries/%s", address, index(number, width)))
	for len(body) > 0 {
		length := int(binary.BigEndian.Uint16(body))
		found = append(found, body[2:2+length])
		body = body[2+length:]
	}
	if len(found) != width {
		refuse("entries", fmt.Errorf("%d, not %d", len(found), width))
	}
	return found
}

func main() {
	address, tree := os.Args[1], opened(os.Args[1], os.Args[2])
	reader := tlog.TileHashReader(tree, served{address})
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		for place, entry := range entries(address, first>>height, int(width)) {
			at := first + int64(place)
			proof, fault := tlog.ProveRecord(tree.N, at, reader)
			if fault != nil {
				refuse(fmt.Sprintf("leaf %d", at), fault)
			}
			if fault := tlog.CheckRecord(proof, tree.N, tree.Hash, at, tlog.RecordHash(entry)); fault != nil {
				refuse(fmt.Sprintf("leaf %d", at), fault)
			}
		}
	}
	fmt.Printf("%d %s\n", tree.N, tree.Hash)
}
