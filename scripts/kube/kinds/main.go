// Command kinds prints the table of Kubernetes' built-in kinds that roperator-testkit's API server works by: what the
// discovery documents say of the resources, and what the Go types and the OpenAPI documents say of the objects.
//
// The table is made of lines of words. A line that begins with a space belongs to the nearest line above that does not:
//
//	release RELEASE
//	group GROUP                          in the order of /apis; "core" for the group that has no name
//	 version VERSION                     in the order of preference
//	 resource NAME SINGULAR KIND SCOPE VERBS [short=…] [categories=…] [hash=…]
//	 subresource NAME KIND VERBS         KIND is GROUP/VERSION/KIND where that differs from where it stands
//	 kind KIND TYPE
//	kind KIND TYPE                       a kind that is in every group and version
//	named TYPE GOTYPE [message]          a Go type with a name of its own; a message if it is one in protobuf
//	special TYPE                         a type that is not encoded as its fields say
//	struct TYPE [map=atomic]
//	 FIELD NUMBER GOTYPE [omitempty] [omitzero] [required] [list=…] [map=atomic] [patch=…] [default=…]
//
// FIELD is the name in JSON, or "inline". NUMBER is the field's in protobuf, or "-".
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kinds:", err)
		os.Exit(1)
	}
}

func run() error {
	release, sources, err := kubernetes()
	if err != nil {
		return err
	}
	served, err := discover(sources)
	if err != nil {
		return err
	}
	documents, err := schemas(sources, served)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	fmt.Fprintf(&table, "release %s\n", release)
	types := newTypes(documents)
	for _, group := range served {
		if err := group.print(&table, types); err != nil {
			return err
		}
	}
	if err := types.print(&table); err != nil {
		return err
	}
	_, err = table.WriteTo(os.Stdout)
	return err
}

// kubernetes returns the release that go.mod pins, such as 1.36.3, and the folder of its sources.
func kubernetes() (release, sources string, err error) {
	// Unlike `go list -m`, this fetches the module when it is not there.
	answer, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes").Output()
	var module struct{ Version, Dir, Error string }
	if parseErr := json.Unmarshal(answer, &module); parseErr != nil {
		return "", "", fmt.Errorf("go mod download k8s.io/kubernetes: %w", errors.Join(err, parseErr))
	}
	if module.Error != "" {
		return "", "", fmt.Errorf("go mod download k8s.io/kubernetes: %s", module.Error)
	}
	return strings.TrimPrefix(module.Version, "v"), module.Dir, nil
}

// read parses a file of JSON.
func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
