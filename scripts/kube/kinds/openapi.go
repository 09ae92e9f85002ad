package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
)

// A schema is what an OpenAPI document says of a type, as far as the table has it.
type schema struct {
	Type  string
	AllOf []struct {
		Ref string `json:"$ref"`
	}
	Properties           map[string]schema
	Items                *schema
	AdditionalProperties *schema
	Required             []string
	Default              json.RawMessage
	Format               string
	ListType             string                                  `json:"x-kubernetes-list-type"`
	ListMapKeys          []string                                `json:"x-kubernetes-list-map-keys"`
	MapType              string                                  `json:"x-kubernetes-map-type"`
	PatchStrategy        string                                  `json:"x-kubernetes-patch-strategy"`
	PatchMergeKey        string                                  `json:"x-kubernetes-patch-merge-key"`
	Kinds                []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
}

// schemas reads the OpenAPI documents of what is served, by the names that types have there.
func schemas(sources string, served []group) (map[string]schema, error) {
	all := map[string]schema{}
	for _, group := range served {
		for _, version := range group.versions {
			name := fmt.Sprintf("apis__%s__%s_openapi.json", group.name, version.name)
			if group.name == "" {
				name = fmt.Sprintf("api__%s_openapi.json", version.name)
			}
			var document struct {
				Components struct{ Schemas map[string]schema }
			}
			if err := read(filepath.Join(sources, "api", "openapi-spec", "v3", name), &document); err != nil {
				return nil, err
			}
			for name, schema := range document.Components.Schemas {
				// A type is documented in several documents, each time with the kinds of all versions.
				all[name] = schema
			}
		}
	}
	return all, nil
}

// has says whether a type is a kind of a group and version.
func (s schema) has(group, version, kind string) bool {
	return slices.ContainsFunc(s.Kinds, func(of struct{ Group, Version, Kind string }) bool {
		return of.Group == group && of.Version == version && of.Kind == kind
	})
}

// topology is how the items of a list are told apart: "", "atomic", "set" or "map:KEY,KEY".
func (s schema) topology() (string, error) {
	switch s.ListType {
	case "", "atomic", "set":
		return s.ListType, nil
	case "map":
		text := "map:"
		for i, key := range s.ListMapKeys {
			if i > 0 {
				text += ","
			}
			text += key
		}
		return text, nil
	}
	return "", fmt.Errorf("unknown list type %q", s.ListType)
}
