package server

import (
	"bytes"
	"html/template"
	"strings"
	"text/template/parse"
)

// fold puts in place, once, what the templates of sets say to everybody: texts,
// icons, addresses of files. They are most of a page, and to look each up by
// reflection and escape it anew was half of what /mypage cost. What depends on
// data stays as it is. Templates that are called with a constant are in common.
//
// It relies on our functions to return the same for the same arguments, and on
// constants standing where text may stand: between tags, or in quotes.
func fold(common *template.Template, sets ...*template.Template) error {
	var found []place
	for _, set := range sets {
		for _, one := range set.Templates() {
			if one.Tree != nil {
				found = append(found, constants(one.Tree.Root)...)
			}
		}
	}
	sources := make([]string, len(found))
	for i, p := range found {
		sources[i] = p.node().String()
	}
	// A copy, because executing a template closes its set to changes; and all at
	// once, because the first execution costs.
	once, err := common.Clone()
	if err != nil {
		return err
	}
	if once, err = once.New("constants").Parse(strings.Join(sources, between)); err != nil {
		return err
	}
	var texts bytes.Buffer
	if err := once.Execute(&texts, nil); err != nil {
		return err
	}
	parts := bytes.Split(texts.Bytes(), []byte(between))
	for i, p := range found {
		p.list.Nodes[p.at] = &parse.TextNode{NodeType: parse.NodeText, Pos: p.node().Position(), Text: parts[i]}
	}
	for _, set := range sets {
		for _, one := range set.Templates() {
			if one.Tree != nil {
				joinTexts(one.Tree.Root)
			}
		}
	}
	return nil
}

// between stands between constants, since html/template lets it into no text.
const between = "\x00"

// place is where a node stands.
type place struct {
	list *parse.ListNode
	at   int
}

func (p place) node() parse.Node { return p.list.Nodes[p.at] }

// constants returns the places in list of all that does not depend on data and
// is not text already.
func constants(list *parse.ListNode) []place {
	if list == nil {
		return nil
	}
	var found []place
	for i, n := range list.Nodes {
		if isConstant(n) {
			if n.Type() != parse.NodeText {
				found = append(found, place{list, i})
			}
			continue
		}
		for _, inner := range lists(n) {
			found = append(found, constants(inner)...)
		}
	}
	return found
}

// lists returns the branches of a node.
func lists(n parse.Node) []*parse.ListNode {
	switch n := n.(type) {
	case *parse.IfNode:
		return []*parse.ListNode{n.List, n.ElseList}
	case *parse.WithNode:
		return []*parse.ListNode{n.List, n.ElseList}
	case *parse.RangeNode:
		return []*parse.ListNode{n.List, n.ElseList}
	}
	return nil
}

// isConstant reports whether n says the same whatever the data.
func isConstant(n parse.Node) bool {
	switch n := n.(type) {
	case *parse.TextNode, *parse.IdentifierNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		return true
	case *parse.ActionNode:
		return isConstant(n.Pipe)
	case *parse.TemplateNode:
		return n.Pipe != nil && isConstant(n.Pipe)
	case *parse.IfNode:
		return isConstant(n.Pipe) && isConstant(n.List) && (n.ElseList == nil || isConstant(n.ElseList))
	case *parse.ListNode:
		return all(n.Nodes)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			return false
		}
		for _, c := range n.Cmds {
			if !all(c.Args) {
				return false
			}
		}
		return true
	}
	return false
}

func all(nodes []parse.Node) bool {
	for _, n := range nodes {
		if !isConstant(n) {
			return false
		}
	}
	return true
}
