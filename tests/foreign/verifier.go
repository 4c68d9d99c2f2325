// An independent verifier of a served log with golang.org/x/mod's sumdb/note and sumdb/tlog.
// Usage: verifier ADDRESS VERIFIER-KEY. Checks the signature and the inclusion of every leaf.
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

func refuse(subject string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", subject, err)
	os.Exit(1)
}

func fetch(url string) []byte {
	response, err := http.Get(url)
	if err != nil {
		refuse(url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 {
		refuse(url, fmt.Errorf("status %d, %v", response.StatusCode, err))
	}
	return body
}

// tileIndex returns a tile's number as in tlog-tiles paths: x001/234, with .p/W if it is partial.
func tileIndex(number int64, width int) string {
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

type servedTiles struct{ address string }

func (s servedTiles) Height() int                             { return height }
func (s servedTiles) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}

func (s servedTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		contents = append(contents, fetch(fmt.Sprintf("%s/log/tile/%d/%s", s.address, tile.L, tileIndex(tile.N, tile.W))))
	}
	return contents, nil
}

func openTree(address, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		refuse("key", err)
	}
	signed, err := note.Open(fetch(address+"/log/checkpoint"), note.VerifierList(verifier))
	if err != nil {
		refuse("checkpoint", err)
	}
	lines := strings.Split(signed.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || lines[0] != verifier.Name() {
		refuse("checkpoint", fmt.Errorf("origin %q, %v", lines[0], err))
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		refuse("root", err)
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func entries(address string, number int64, width int) [][]byte {
	var contents [][]byte
	body := fetch(fmt.Sprintf("%s/log/tile/entries/%s", address, tileIndex(number, width)))
	for len(body) > 0 {
		length := int(binary.BigEndian.Uint16(body))
		contents = append(contents, body[2:2+length])
		body = body[2+length:]
	}
	if len(contents) != width {
		refuse("entries", fmt.Errorf("%d, not %d", len(contents), width))
	}
	return contents
}

func main() {
	address, tree := os.Args[1], openTree(os.Args[1], os.Args[2])
	reader := tlog.TileHashReader(tree, servedTiles{address})
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		for offset, entry := range entries(address, first>>height, int(width)) {
			index := first + int64(offset)
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			if err != nil {
				refuse(fmt.Sprintf("leaf %d", index), err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				refuse(fmt.Sprintf("leaf %d", index), err)
			}
		}
	}
	fmt.Printf("%d %s\n", tree.N, tree.Hash)
}
