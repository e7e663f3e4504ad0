package salesforce_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wsdlPath is the description of the Metadata API's types that jsforce makes its schema from.
const wsdlPath = "../../sinks/salesforce/fakeorg/jsforce/node_modules/jsforce/src/api/metadata/wsdl.xml"

const namespace = "http://soap.sforce.com/2006/04/metadata"

// types are the Metadata API's types: the elements of each complex one, with those of its base, and the words of each enum.
type types struct {
	elements map[string][]element
	words    map[string][]string
}

type element struct {
	Name string `xml:"name,attr"`
	Type string `xml:"type,attr"`
	Min  string `xml:"minOccurs,attr"` // once at least if it is left out
	Max  string `xml:"maxOccurs,attr"` // once at most if it is left out
}

// metadataTypes reads the types, or skips the test where jsforce is not installed.
func metadataTypes(t *testing.T) *types {
	t.Helper()
	text, err := os.ReadFile(wsdlPath)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("jsforce is missing: run make node: %v", err)
		}
		t.Skip("SKIP-jsforce: run make node")
	}
	var wsdl struct {
		Schemas []struct {
			Complex []struct {
				Name      string    `xml:"name,attr"`
				Own       []element `xml:"sequence>element"`
				Extension struct {
					Base string    `xml:"base,attr"`
					Own  []element `xml:"sequence>element"`
				} `xml:"complexContent>extension"`
			} `xml:"complexType"`
			Simple []struct {
				Name  string `xml:"name,attr"`
				Words []struct {
					Value string `xml:"value,attr"`
				} `xml:"restriction>enumeration"`
			} `xml:"simpleType"`
		} `xml:"types>schema"`
	}
	if err := xml.Unmarshal(text, &wsdl); err != nil {
		t.Fatal(err)
	}
	found := &types{elements: map[string][]element{}, words: map[string][]string{}}
	bases := map[string]string{}
	for _, schema := range wsdl.Schemas {
		for _, c := range schema.Complex {
			found.elements[c.Name] = append(c.Own, c.Extension.Own...)
			bases[c.Name] = strings.TrimPrefix(c.Extension.Base, "tns:")
		}
		for _, s := range schema.Simple {
			for _, word := range s.Words {
				found.words[s.Name] = append(found.words[s.Name], word.Value)
			}
		}
	}
	for name, base := range bases {
		found.elements[name] = append(found.elements[name], found.elements[base]...)
	}
	if len(found.elements) < 500 || len(found.words["FieldType"]) < 20 {
		t.Fatalf("%s has %d types only", wsdlPath, len(found.elements))
	}
	return found
}

// node is an element of an XML file.
type node struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string // without the white space around it
	children []*node
}

// parse reads a file of exactly one element; comments and processing instructions are left out.
func parse(text []byte) (*node, error) {
	root := &node{}
	open := []*node{root}
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			child := &node{name: token.Name, attrs: token.Attr}
			top.children = append(top.children, child)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			top.text = strings.TrimSpace(top.text + string(token))
		}
	}
	if len(root.children) != 1 || root.text != "" {
		return nil, fmt.Errorf("%d elements at the top, and %q beside them", len(root.children), root.text)
	}
	return root.children[0], nil
}

// all returns the children of that name.
func (n *node) all(name string) (found []*node) {
	for _, c := range n.children {
		if c.name.Local == name {
			found = append(found, c)
		}
	}
	return found
}

// get returns the text of the first child of that name, "" if there is none.
func (n *node) get(name string) string {
	for _, c := range n.all(name) {
		return c.text
	}
	return ""
}

// check lists what is wrong with an element of that type, as the WSDL names types.
func (t *types) check(n *node, typ string) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, n.name.Local+": "+fmt.Sprintf(format, args...))
	}
	if n.name.Space != namespace {
		fault("is not in the namespace %s", namespace)
	}
	for _, a := range n.attrs {
		if a.Name.Local != "xmlns" {
			fault("has the attribute %s", a.Name.Local)
		}
	}
	name := strings.TrimPrefix(typ, "tns:")
	if own, ok := t.elements[name]; ok {
		return append(faults, t.checkElements(n, name, own)...)
	}
	if len(n.children) > 0 {
		fault("has elements, and is a %s", typ)
	}
	var err error
	switch {
	case typ == "xsd:string":
	case typ == "xsd:boolean":
		if n.text != "true" && n.text != "false" {
			fault("%q is not true or false", n.text)
		}
	case typ == "xsd:int":
		_, err = strconv.ParseInt(n.text, 10, 32)
	case typ == "xsd:double":
		_, err = strconv.ParseFloat(n.text, 64)
	case t.words[name] != nil:
		if !slices.Contains(t.words[name], n.text) {
			fault("%q is no %s", n.text, name)
		}
	default:
		fault("is of the type %s, which this test does not know", typ)
	}
	if err != nil {
		fault("%q is no number", n.text)
	}
	return faults
}

func (t *types) checkElements(n *node, typ string, own []element) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, n.name.Local+": "+fmt.Sprintf(format, args...))
	}
	if n.text != "" {
		fault("has text between its elements: %q", n.text)
	}
	count := map[string]int{}
	last := ""
	for _, c := range n.children {
		name := c.name.Local
		at := slices.IndexFunc(own, func(e element) bool { return e.Name == name })
		if at < 0 {
			fault("%s has no element %s", typ, name)
			continue
		}
		if count[name] > 0 && last != name { // the Metadata API refuses them: "duplicated at this location"
			fault("the elements %s do not stand together", name)
		}
		count[name]++
		last = name
		faults = append(faults, t.check(c, own[at].Type)...)
	}
	for _, e := range own {
		if e.Min != "0" && count[e.Name] == 0 {
			fault("%s is missing", e.Name)
		}
		if e.Max != "unbounded" && count[e.Name] > 1 {
			fault("%s stands %d times", e.Name, count[e.Name])
		}
	}
	return faults
}
