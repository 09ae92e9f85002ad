// Command k8stypes prints roperator/src/k8s_types.rs: a constant for each kind of Kubernetes that can be listed,
// watched and created, in every version that the release's own discovery documents list.
package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed k8s_types.rs.tmpl
var file string

// An apiResourceList is what a server answers at /api/v1 and at /apis/GROUP/VERSION.
type apiResourceList struct {
	GroupVersion string
	Resources    []apiResource
}

type apiResource struct {
	Name       string
	Kind       string
	Namespaced bool
	Verbs      []string
}

// A group is a module of the Rust file, and its versions are the modules in it.
type group struct {
	Name     string
	Versions []version
}

type version struct {
	APIVersion string
	Kinds      []apiResource
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "k8stypes:", err)
		os.Exit(1)
	}
}

func run() error {
	release, sources, err := kubernetes()
	if err != nil {
		return err
	}
	lists, err := discovery(sources)
	if err != nil {
		return err
	}
	groups, err := grouped(lists)
	if err != nil {
		return err
	}
	tables, err := template.New("k8s_types.rs").Parse(file)
	if err != nil {
		return err
	}
	var rust bytes.Buffer
	if err := tables.Execute(&rust, map[string]any{"Release": release, "Groups": groups}); err != nil {
		return err
	}
	_, err = rust.WriteTo(os.Stdout)
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

// discovery reads the document of every version of every group. The aggregated document would not do: the core group is
// not in it.
func discovery(sources string) ([]apiResourceList, error) {
	folder := filepath.Join(sources, "api", "discovery")
	core, named := filepath.Join(folder, "api__v1.json"), filepath.Join(folder, "apis__*__*.json")
	paths, err := filepath.Glob(named)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("nothing matches %s: has Kubernetes moved its discovery documents?", named)
	}
	var lists []apiResourceList
	for _, path := range append(paths, core) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var list apiResourceList
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if list.GroupVersion == "" {
			return nil, fmt.Errorf("%s: it has no groupVersion", path)
		}
		lists = append(lists, list)
	}
	// The core group comes first, for it has no group name to sort by.
	slices.SortFunc(lists, func(a, b apiResourceList) int {
		return cmp.Or(cmp.Compare(a.group(), b.group()), cmp.Compare(a.GroupVersion, b.GroupVersion))
	})
	return lists, nil
}

// grouped drops what an operator can neither watch nor create, and the versions and groups that are empty thereafter.
func grouped(lists []apiResourceList) ([]group, error) {
	var groups []group
	for _, list := range lists {
		kinds := slices.DeleteFunc(list.Resources, func(resource apiResource) bool {
			return !resource.can("list") || !resource.can("watch") || !resource.can("create")
		})
		if len(kinds) == 0 {
			continue
		}
		slices.SortFunc(kinds, func(a, b apiResource) int { return cmp.Compare(a.Kind, b.Kind) })
		if last := len(groups) - 1; last < 0 || groups[last].Name != list.group() {
			groups = append(groups, group{Name: list.group()})
		}
		last := &groups[len(groups)-1]
		last.Versions = append(last.Versions, version{APIVersion: list.GroupVersion, Kinds: kinds})
	}
	modules := map[string]string{}
	for _, group := range groups {
		if other, taken := modules[group.Module()]; taken {
			return nil, fmt.Errorf("the groups %q and %q would share the module %q", other, group.Name, group.Module())
		}
		modules[group.Module()] = group.Name
	}
	return groups, nil
}

func (l apiResourceList) group() string {
	group, _, named := strings.Cut(l.GroupVersion, "/")
	if !named {
		return ""
	}
	return group
}

func (r apiResource) can(verb string) bool {
	return slices.Contains(r.Verbs, verb)
}

// Scope is the name of the function of `Kind` that makes the constant.
func (r apiResource) Scope() string {
	if r.Namespaced {
		return "namespaced"
	}
	return "cluster"
}

// Module is the group up to its first dot.
func (g group) Module() string {
	module, _, _ := strings.Cut(g.Name, ".")
	return cmp.Or(module, "core")
}

// Title is what the module's documentation calls the group.
func (g group) Title() string {
	if g.Name == "" {
		return "The core group, which has no name."
	}
	return fmt.Sprintf("The group `%s`.", g.Name)
}

// Module is the version without its group.
func (v version) Module() string {
	return v.APIVersion[strings.LastIndex(v.APIVersion, "/")+1:]
}
