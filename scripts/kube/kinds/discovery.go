package main

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// stable matches the versions that are served unless a flag says otherwise. The documents list all versions.
var stable = regexp.MustCompile(`^v[0-9]+$`)

// A group is served at /apis/GROUP, or at /api if it has no name.
type group struct {
	name     string
	versions []version
}

type version struct {
	name      string
	resources []apiResource
}

// An apiResource is what a server answers of a resource at /api/v1 and at /apis/GROUP/VERSION.
type apiResource struct {
	Name               string
	SingularName       string
	Group              string
	Version            string
	Kind               string
	Namespaced         bool
	Verbs              []string
	ShortNames         []string
	Categories         []string
	StorageVersionHash string
}

// discover reads the discovery documents of what is served by default, the core group first, the others in the order
// of /apis.
func discover(sources string) ([]group, error) {
	folder := filepath.Join(sources, "api", "discovery")
	var core apiVersions
	if err := read(filepath.Join(folder, "api.json"), &core); err != nil {
		return nil, err
	}
	var named struct {
		Groups []struct {
			Name     string
			Versions []struct{ Version string }
		}
	}
	if err := read(filepath.Join(folder, "apis.json"), &named); err != nil {
		return nil, err
	}
	var groups []group
	add := func(name string, versions []string) error {
		versions = slices.DeleteFunc(versions, func(version string) bool { return !stable.MatchString(version) })
		if len(versions) == 0 {
			return nil
		}
		added := group{name: name}
		for _, version := range versions {
			resources, err := resources(folder, name, version)
			if err != nil {
				return err
			}
			added.versions = append(added.versions, resources)
		}
		groups = append(groups, added)
		return nil
	}
	if err := add("", core.Versions); err != nil {
		return nil, err
	}
	for _, group := range named.Groups {
		var versions []string
		for _, version := range group.Versions {
			versions = append(versions, version.Version)
		}
		if err := add(group.Name, versions); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

type apiVersions struct{ Versions []string }

func resources(folder, group, name string) (version, error) {
	path := filepath.Join(folder, fmt.Sprintf("apis__%s__%s.json", group, name))
	if group == "" {
		path = filepath.Join(folder, fmt.Sprintf("api__%s.json", name))
	}
	var list struct{ Resources []apiResource }
	if err := read(path, &list); err != nil {
		return version{}, err
	}
	return version{name: name, resources: list.Resources}, nil
}

func (g group) print(table *bytes.Buffer, types *types) error {
	fmt.Fprintf(table, "group %s\n", cmp.Or(g.name, "core"))
	for _, version := range g.versions {
		fmt.Fprintf(table, " version %s\n", version.name)
		for _, resource := range version.resources {
			resource.print(table)
		}
		for _, kind := range types.kinds(g.name, version.name) {
			name, err := types.kind(g.name, version.name, kind)
			if err != nil {
				return err
			}
			fmt.Fprintf(table, " kind %s %s\n", kind, name)
		}
	}
	return nil
}

func (r apiResource) print(table *bytes.Buffer) {
	if strings.Contains(r.Name, "/") {
		kind := r.Kind
		if r.Version != "" {
			kind = strings.Join([]string{cmp.Or(r.Group, "core"), r.Version, r.Kind}, "/")
		}
		fmt.Fprintf(table, " subresource %s %s %s\n", r.Name, kind, strings.Join(r.Verbs, ","))
		return
	}
	scope := "cluster"
	if r.Namespaced {
		scope = "namespaced"
	}
	words := []string{" resource", r.Name, r.SingularName, r.Kind, scope, strings.Join(r.Verbs, ",")}
	words = option(words, "short", r.ShortNames)
	words = option(words, "categories", r.Categories)
	if r.StorageVersionHash != "" {
		words = option(words, "hash", []string{r.StorageVersionHash})
	}
	fmt.Fprintln(table, strings.Join(words, " "))
}

// option adds a word NAME=VALUE,VALUE to those of a line, if there are any values.
func option(words []string, name string, values []string) []string {
	if len(values) == 0 {
		return words
	}
	return append(words, name+"="+strings.Join(values, ","))
}
