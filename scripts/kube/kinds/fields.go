package main

import (
	"bytes"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
)

// fields yields the fields of a struct that are encoded.
func fields(typ reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			if tag, tagged := field.Tag.Lookup("json"); !tagged || tag == "-" {
				continue
			}
			if !yield(field) {
				return
			}
		}
	}
}

func (t *types) printStruct(table *bytes.Buffer, name string, typ reflect.Type) error {
	schema := t.documents[name]
	line := []string{"struct", name}
	if schema.MapType != "" {
		line = append(line, "map="+schema.MapType)
	}
	fmt.Fprintln(table, strings.Join(line, " "))
	for field := range fields(typ) {
		line, err := words(field, schema)
		if err != nil {
			return fmt.Errorf("%s: %w", field.Name, err)
		}
		fmt.Fprintf(table, " %s\n", strings.Join(line, " "))
	}
	return nil
}

// words is the line of a field.
func words(field reflect.StructField, owner schema) ([]string, error) {
	tag := strings.Split(field.Tag.Get("json"), ",")
	json, options := tag[0], tag[1:]
	inline := json == ""
	if inline {
		if !field.Anonymous {
			return nil, fmt.Errorf("it has no name, but is not embedded")
		}
		json = "inline"
	}
	typ, err := expression(field.Type)
	if err != nil {
		return nil, err
	}
	order, err := number(field)
	if err != nil {
		return nil, err
	}
	words := []string{json, order, typ}
	for _, option := range options {
		switch option {
		case "omitempty", "omitzero":
			words = append(words, option)
		case "inline":
		default:
			return nil, fmt.Errorf("unknown option %q of its JSON tag", option)
		}
	}
	if inline {
		return words, nil
	}
	return hints(words, field, json, owner)
}

// hints adds what only the OpenAPI document knows, and how a strategic merge patch treats the field.
func hints(words []string, field reflect.StructField, json string, owner schema) ([]string, error) {
	schema, documented := owner.Properties[json]
	if len(owner.Properties) > 0 && !documented {
		return nil, fmt.Errorf("it is not in the OpenAPI document")
	}
	if slices.Contains(owner.Required, json) {
		words = append(words, "required")
	}
	topology, err := schema.topology()
	if err != nil {
		return nil, err
	}
	if topology != "" {
		words = append(words, "list="+topology)
	}
	if schema.MapType != "" {
		words = append(words, "map="+schema.MapType)
	}
	strategy, key := field.Tag.Get("patchStrategy"), field.Tag.Get("patchMergeKey")
	if strategy != schema.PatchStrategy && documented || key != schema.PatchMergeKey && documented {
		return nil, fmt.Errorf("the OpenAPI document has patch strategy %q by %q", schema.PatchStrategy, schema.PatchMergeKey)
	}
	if strategy != "" {
		words = append(words, "patch="+strategy)
	}
	if key != "" {
		words = append(words, "key="+key)
	}
	omitempty := slices.Contains(words, "omitempty")
	if text := string(schema.Default); text != "" && text != implied(field.Type, omitempty) {
		words = append(words, "default="+text)
	}
	return words, nil
}

// implied is the default that OpenAPI tells of a field for which no other is set.
func implied(typ reflect.Type, omitempty bool) string {
	if typ.Kind() == reflect.Struct {
		return "{}"
	}
	if omitempty {
		return ""
	}
	switch typ.Kind() {
	case reflect.String:
		return `""`
	case reflect.Bool:
		return "false"
	case reflect.Int32, reflect.Int64, reflect.Float64:
		return "0"
	}
	return ""
}

// number is a field's number in protobuf. The wire type that the tag says besides is not to be trusted: Kubernetes
// generates its encoders from the Go types.
func number(field reflect.StructField) (string, error) {
	tag, tagged := field.Tag.Lookup("protobuf")
	if !tagged {
		return "-", nil
	}
	parts := strings.Split(tag, ",")
	if len(parts) < 2 {
		return "", fmt.Errorf("protobuf tag %q", tag)
	}
	return parts[1], nil
}
