package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubernetes_scheme "k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	machinery "k8s.io/apimachinery/pkg/runtime/schema"
)

// everywhere are the kinds of request bodies and answers that are in every group and version.
var everywhere = []any{meta.DeleteOptions{}, meta.Status{}}

// types collects the Go types that the table is to describe.
type types struct {
	scheme    *runtime.Scheme
	documents map[string]schema
	found     map[string]reflect.Type
}

func newTypes(documents map[string]schema) *types {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kubernetes_scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return &types{scheme: scheme, documents: documents, found: map[string]reflect.Type{}}
}

// kinds lists the kinds of a version that its OpenAPI document knows, lists among them.
func (t *types) kinds(group, version string) []string {
	var kinds []string
	for kind, typ := range t.scheme.KnownTypes(machinery.GroupVersion{Group: group, Version: version}) {
		if typ.PkgPath() == reflect.TypeFor[meta.Status]().PkgPath() {
			continue
		}
		if t.documents[name(typ)].has(group, version, kind) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// kind finds the type of a kind, and the types that it is made of.
func (t *types) kind(group, version, kind string) (string, error) {
	typ := t.scheme.KnownTypes(machinery.GroupVersion{Group: group, Version: version})[kind]
	return name(typ), t.find(typ)
}

func (t *types) find(typ reflect.Type) error {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		if typ.Name() == "" {
			return t.find(typ.Elem())
		}
	case reflect.Map:
		if typ.Name() == "" {
			if err := t.find(typ.Key()); err != nil {
				return err
			}
			return t.find(typ.Elem())
		}
	}
	if typ.PkgPath() == "" || t.found[name(typ)] != nil {
		return nil
	}
	t.found[name(typ)] = typ
	switch {
	case special(typ):
		return nil
	case typ.Kind() == reflect.Struct:
		for field := range fields(typ) {
			t.document(typ, field)
			if err := t.find(field.Type); err != nil {
				return fmt.Errorf("%s.%s: %w", name(typ), field.Name, err)
			}
		}
	case typ.Kind() == reflect.Slice:
		return t.find(typ.Elem())
	case typ.Kind() == reflect.Map:
		return t.find(typ.Elem())
	}
	return nil
}

// document lets an embedded struct that has no document of its own have what that of its owner says of its fields.
func (t *types) document(owner reflect.Type, field reflect.StructField) {
	if _, documented := t.documents[name(field.Type)]; documented || !field.Anonymous {
		return
	}
	of := t.documents[name(owner)]
	t.documents[name(field.Type)] = schema{Properties: of.Properties, Required: of.Required}
}

// special says whether a type is encoded in another way than its fields say.
func special(typ reflect.Type) bool {
	return reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// name is a type's name in OpenAPI: the package with its domain turned round.
func name(typ reflect.Type) string {
	domain, path, _ := strings.Cut(typ.PkgPath(), "/")
	parts := strings.Split(domain, ".")
	slices.Reverse(parts)
	parts = append(parts, strings.Split(path, "/")...)
	return strings.Join(append(parts, typ.Name()), ".")
}

// expression writes a type as Go does, with full names.
func expression(typ reflect.Type) (string, error) {
	if typ.PkgPath() != "" {
		return name(typ), nil
	}
	return underlying(typ)
}

func underlying(typ reflect.Type) (string, error) {
	prefix := ""
	switch typ.Kind() {
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64:
		return typ.Kind().String(), nil
	case reflect.Pointer:
		prefix = "*"
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return "[]uint8", nil
		}
		prefix = "[]"
	case reflect.Map:
		key, err := expression(typ.Key())
		if err != nil {
			return "", err
		}
		prefix = "map[" + key + "]"
	default:
		return "", fmt.Errorf("the table cannot express the type %s", typ)
	}
	elem, err := expression(typ.Elem())
	return prefix + elem, err
}

func (t *types) print(table *bytes.Buffer) error {
	for _, kind := range everywhere {
		typ := reflect.TypeOf(kind)
		fmt.Fprintf(table, "kind %s %s\n", typ.Name(), name(typ))
		if err := t.find(typ); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.found)) {
		typ := t.found[name]
		switch {
		case special(typ):
			fmt.Fprintf(table, "special %s\n", name)
		case typ.Kind() == reflect.Struct:
			if err := t.printStruct(table, name, typ); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			under, err := underlying(typ)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			message := ""
			if _, marshals := typ.MethodByName("Marshal"); marshals {
				message = " message"
			}
			fmt.Fprintf(table, "named %s %s%s\n", name, under, message)
		}
	}
	return nil
}
