package server

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/audit"
	"gatehouse/internal/session"
	"gatehouse/web"
)

// document is the OpenAPI document, as far as the tests hold answers against it.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]any
		Responses map[string]response
	}
	seen map[string]bool // operation and status
}

type operation struct {
	OperationID string
	Security    []map[string][]string
	Parameters  []struct{ Name, In string }
	RequestBody struct {
		Required bool
		Content  map[string]content
	}
	Responses map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]content
}

type content struct{ Schema map[string]any }

func openAPIDocument(t testing.TB) *document {
	t.Helper()
	data, err := fs.ReadFile(web.Files, openAPIFile)
	must(t, err)
	d := &document{seen: map[string]bool{}}
	must(t, json.Unmarshal(data, d))
	return d
}

// find returns the operation that a request calls.
func (d *document) find(method, path string) (op operation, ok bool) {
	exact := func(template string) bool { return template == path }
	like := func(template string) bool {
		return regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$").MatchString(path)
	}
	for _, matches := range []func(string) bool{exact, like} {
		for template, operations := range d.Paths {
			if op, ok := operations[strings.ToLower(method)]; ok && matches(template) {
				return op, true
			}
		}
	}
	return operation{}, false
}

// check returns what is wrong with an answer of op.
func (d *document) check(op operation, status int, media string, body []byte) error {
	described, ok := op.Responses[fmt.Sprint(status)]
	if !ok {
		return fmt.Errorf("%s: the document knows no answer %d", op.OperationID, status)
	}
	if described.Ref != "" {
		described = d.Components.Responses[strings.TrimPrefix(described.Ref, "#/components/responses/")]
	}
	c, ok := described.Content[media]
	if !ok {
		return fmt.Errorf("%s: %d comes as %q", op.OperationID, status, media)
	}
	d.seen[fmt.Sprint(op.OperationID, " ", status)] = true
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%s: %d is no JSON: %w", op.OperationID, status, err)
	}
	return d.fits(c.Schema, v, op.OperationID)
}

// annotations are the keywords of a schema that refuse nothing.
var annotations = []string{"description", "title", "default"}

// fits holds v against the schema: the part of JSON Schema 2020-12 that the
// document uses. A keyword that it does not know is an error.
func (d *document) fits(schema map[string]any, v any, at string) error {
	wrong := func(format string, args ...any) error { return fmt.Errorf(at+": "+format, args...) }
	for keyword, want := range schema {
		var err error
		switch keyword {
		case "$ref":
			target, ok := d.Components.Schemas[strings.TrimPrefix(want.(string), "#/components/schemas/")].(map[string]any)
			if !ok {
				return wrong("there is no %s", want)
			}
			err = d.fits(target, v, at)
		case "type":
			names, several := want.([]any)
			if !several {
				names = []any{want}
			}
			if !slices.ContainsFunc(names, func(name any) bool { return isType(v, name.(string)) }) {
				err = wrong("%v is not of type %v", v, want)
			}
		case "const":
			if v != want {
				err = wrong("%v is not %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				err = wrong("%v is none of %v", v, want)
			}
		case "oneOf":
			n := 0
			for _, one := range want.([]any) {
				if d.fits(one.(map[string]any), v, at) == nil {
					n++
				}
			}
			if n != 1 {
				err = wrong("%v fits %d of oneOf", v, n)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				err = wrong("%q does not match %s", text, want)
			}
		case "format":
			text, ok := v.(string)
			layout := map[any]string{"date-time": time.RFC3339, "date": time.DateOnly}[want]
			if layout == "" {
				return wrong("unknown format %v", want)
			}
			if _, bad := time.Parse(layout, text); ok && bad != nil {
				err = wrong("%q is no %v", text, want)
			}
		case "minimum", "maximum":
			if n, ok := v.(float64); ok && (keyword == "minimum") == (n < want.(float64)) && n != want {
				err = wrong("%v against %s %v", n, keyword, want)
			}
		case "minLength", "maxLength":
			text, ok := v.(string)
			if n := float64(len([]rune(text))); ok && (keyword == "minLength") == (n < want.(float64)) && n != want {
				err = wrong("%q against %s %v", text, keyword, want)
			}
		case "maxItems":
			if list, ok := v.([]any); ok && float64(len(list)) > want.(float64) {
				err = wrong("%d items, more than %v", len(list), want)
			}
		case "items":
			list, _ := v.([]any)
			for i, one := range list {
				if err == nil {
					err = d.fits(want.(map[string]any), one, fmt.Sprintf("%s[%d]", at, i))
				}
			}
		case "properties":
			members, _ := v.(map[string]any)
			for name, one := range members {
				if s, ok := want.(map[string]any)[name].(map[string]any); ok && err == nil {
					err = d.fits(s, one, at+"."+name)
				}
			}
		case "required":
			members, ok := v.(map[string]any)
			for _, name := range want.([]any) {
				if _, there := members[name.(string)]; ok && !there {
					err = wrong("%s is missing", name)
				}
			}
		case "additionalProperties":
			members, _ := v.(map[string]any)
			known, _ := schema["properties"].(map[string]any)
			for name := range members {
				if _, there := known[name]; !there && want == false {
					err = wrong("%s is not described", name)
				}
			}
		default:
			if !slices.Contains(annotations, keyword) {
				err = wrong("unknown keyword %s", keyword)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isType(v any, name string) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	}
	return name == "object"
}

// What holds answers against the document refuses those that do not fit.
func TestOpenAPIFitsRefuses(t *testing.T) {
	d := openAPIDocument(t)
	schema := map[string]any{"$ref": "#/components/schemas/Receipt"}
	for body, want := range map[string]string{
		`{"ended":1,"already_gone":0,"users":1,"took_ms":3}`:                 "",
		`{"ended":1,"already_gone":0,"users":1,"took_ms":3,"dry_run":true}`:  "",
		`{"ended":1,"already_gone":0,"users":1,"took_ms":3,"dry_run":false}`: "is not true",
		`{"ended":1,"already_gone":0,"users":1}`:                             "took_ms is missing",
		`{"ended":1,"already_gone":0,"users":1,"took_ms":3,"x":1}`:           "x is not described",
		`{"ended":"1","already_gone":0,"users":1,"took_ms":3}`:               "type integer",
		`{"ended":1.5,"already_gone":0,"users":1,"took_ms":3}`:               "type integer",
		`{"ended":-1,"already_gone":0,"users":1,"took_ms":3}`:                "minimum",
		`[]`: "type object",
	} {
		var v any
		must(t, json.Unmarshal([]byte(body), &v))
		err := d.fits(schema, v, "receipt")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	for schema, bad := range map[string]any{
		"Problem": map[string]any{"type": "/problems/made-up", "title": "", "status": 400.0, "detail": "", "instance": ""},
		"Role":    "owner", "SessionID": "short", "NoSuchSchema": nil,
	} {
		if d.fits(map[string]any{"$ref": "#/components/schemas/" + schema}, bad, schema) == nil {
			t.Errorf("%s takes %v", schema, bad)
		}
	}
	if d.fits(map[string]any{"multipleOf": 2.0}, 3.0, "x") == nil {
		t.Error("a keyword that nobody looks at passes")
	}
}

// The document and the router have the same routes, both ways, and say the same
// of who may use them.
func TestOpenAPIHasEveryRouteAndNoOther(t *testing.T) {
	w := newWorld(t)
	d := openAPIDocument(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %q", d.OpenAPI)
	}
	described, registered := map[string]bool{}, map[string]bool{}
	ids := map[string]bool{}
	for path, operations := range d.Paths {
		for method, op := range operations {
			route := strings.ToUpper(method) + " " + path
			described[route] = true
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s: operationId %q is empty or used twice", route, op.OperationID)
			}
			ids[op.OperationID] = true
			var named []string
			for _, p := range op.Parameters {
				if p.In == "path" {
					named = append(named, "{"+p.Name+"}")
				}
			}
			if diff := cmp.Diff(regexp.MustCompile(`\{[a-z]+\}`).FindAllString(path, -1), named); diff != "" {
				t.Errorf("%s: parameters of the path (-path +described):\n%s", route, diff)
			}
			if open := access[route].stranger != "401"; open != (len(op.Security) == 0) {
				t.Errorf("%s: a stranger gets %s, the document says %v", route, access[route].stranger, op.Security)
			}
		}
	}
	walkRoutes(t, w.Server, func(method, pattern string) {
		if strings.HasPrefix(pattern, "/api/") {
			registered[method+" "+pattern] = true
		}
	})
	if diff := cmp.Diff(registered, described); diff != "" {
		t.Errorf("-router +document:\n%s", diff)
	}
	r := w.client().get("/api/v1/openapi.json")
	var served, embedded any
	must(t, json.Unmarshal(r.Body.Bytes(), &served))
	data, err := fs.ReadFile(web.Files, openAPIFile)
	must(t, err)
	must(t, json.Unmarshal(data, &embedded))
	if diff := cmp.Diff(embedded, served); diff != "" || r.Header().Get("Content-Type") != "application/json" {
		t.Errorf("what is served differs (%s):\n%s", r.Header().Get("Content-Type"), diff)
	}
}

// bodies are the bodies that the API reads, by operation. Those that read none
// accept an empty object.
var bodies = map[string]func() any{
	"signUp":           func() any { return new(signUpBody) },
	"logIn":            func() any { return new(loginBody) },
	"logInByTicket":    func() any { return new(chooseBody) },
	"refresh":          func() any { return new(refreshBody) },
	"logOut":           func() any { return new(struct{}) },
	"changePassword":   func() any { return new(passwordBody) },
	"endOtherSessions": func() any { return new(struct{}) },
	"endUserSessions":  func() any { return new(reasonBody) },
	"disableUser":      func() any { return new(reasonBody) },
	"enableUser":       func() any { return new(reasonBody) },
	"setRole":          func() any { return new(roleBody) },
	"endSessions":      func() any { return new(endBody) },
}

// Bodies have the members that the document says, and need those that it says.
func TestOpenAPIBodies(t *testing.T) {
	d := openAPIDocument(t)
	seen := map[string]bool{}
	for path, operations := range d.Paths {
		for method, op := range operations {
			schema := op.RequestBody.Content["application/json"].Schema
			make, ok := bodies[op.OperationID]
			if ok != (schema != nil) {
				t.Errorf("%s %s: read %t, described %t", method, path, ok, schema != nil)
			}
			if !ok || schema == nil {
				continue
			}
			seen[op.OperationID] = true
			body := d.Components.Schemas[strings.TrimPrefix(schema["$ref"].(string), "#/components/schemas/")].(map[string]any)
			required := body["required"].([]any)
			properties := body["properties"].(map[string]any)
			if op.RequestBody.Required != (len(required) > 0) {
				t.Errorf("%s: required %t", op.OperationID, op.RequestBody.Required)
			}
			members := membersOf(make())
			if diff := cmp.Diff(slices.Sorted(maps.Keys(properties)), slices.Sorted(maps.Keys(members))); diff != "" && len(members)+len(properties) > 0 {
				t.Errorf("%s (-document +program):\n%s", op.OperationID, diff)
			}
			for name, m := range members {
				described := properties[name].(map[string]any)
				if m.required != slices.Contains(required, any(name)) {
					t.Errorf("%s: %s is required: program %t", op.OperationID, name, m.required)
				}
				if most, _ := described["maxLength"].(float64); int(most) != m.max {
					t.Errorf("%s: %s is at most %v long, program %d", op.OperationID, name, most, m.max)
				}
				if kind, ok := described["type"].(string); ok {
					want := map[string][]string{"string": {"string", "*string"}, "boolean": {"bool"}, "array": {"[]string"}}[kind]
					if !slices.Contains(want, m.value.Type().String()) {
						t.Errorf("%s: %s is a %s, program %s", op.OperationID, name, kind, m.value.Type())
					}
				}
			}
		}
	}
	if len(seen) != len(bodies) {
		t.Errorf("%d of %d bodies are described", len(seen), len(bodies))
	}
}

// Every kind of error has its type in the document with its status, and there
// are no others.
func TestOpenAPIProblemTypes(t *testing.T) {
	d := openAPIDocument(t)
	described := map[string]string{}
	problem := d.Components.Schemas["Problem"].(map[string]any)["properties"].(map[string]any)
	for _, one := range problem["type"].(map[string]any)["oneOf"].([]any) {
		one := one.(map[string]any)
		if text, _ := one["description"].(string); text == "" {
			t.Errorf("%s is not explained", one["const"])
		}
		described[one["const"].(string)] = one["title"].(string)
	}
	table := map[string]string{}
	for _, k := range allKinds() {
		table[k.problemType()] = fmt.Sprint(k.status)
	}
	if diff := cmp.Diff(table, described); diff != "" {
		t.Errorf("-program +document:\n%s", diff)
	}
}

func TestOpenAPIEnums(t *testing.T) {
	d := openAPIDocument(t)
	enum := func(v any) (all []string) {
		for _, one := range v.(map[string]any)["enum"].([]any) {
			all = append(all, one.(string))
		}
		return all
	}
	event := d.Components.Schemas["Event"].(map[string]any)["properties"].(map[string]any)
	var kinds []string
	for _, k := range audit.Kinds() {
		kinds = append(kinds, string(k))
	}
	if diff := cmp.Diff(kinds, enum(event["kind"])); diff != "" {
		t.Errorf("kinds of events (-program +document):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Values(apiBy)), slices.Sorted(slices.Values(enum(event["by"])))); diff != "" {
		t.Errorf("by (-program +document):\n%s", diff)
	}
	for _, reason := range enum(d.Components.Schemas["Reason"]) {
		if _, ok := session.ParseReason(reason); !ok {
			t.Errorf("there is no reason %s", reason)
		}
	}
	// The views have the members that the document says.
	for schema, view := range map[string]any{
		"Me": apiMe{}, "Tokens": apiTokens{}, "Session": apiSession{}, "Device": apiDevice{}, "SessionList": apiSessions{}, "Receipt": apiReceipt{},
		"User": apiUser{}, "UserList": apiUsers{}, "Event": apiEvent{}, "EventList": apiEvents{}, "EventDetail": audit.Detail{}, "Flaw": apiFlaw{},
	} {
		var members []string
		for i := range reflect.TypeOf(view).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(view).Field(i).Tag.Get("json"), ",")
			members = append(members, name)
		}
		properties := d.Components.Schemas[schema].(map[string]any)["properties"].(map[string]any)
		if diff := cmp.Diff(slices.Sorted(slices.Values(members)), slices.Sorted(maps.Keys(properties))); diff != "" {
			t.Errorf("%s (-program +document):\n%s", schema, diff)
		}
	}
}
