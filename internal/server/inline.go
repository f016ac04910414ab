package server

import (
	"bytes"
	"html/template"
	"slices"
	"strings"
	"text/template/parse"
)

// inline puts the templates of set that are called where they are called, if they
// say there what they say elsewhere: all that gets the caller's data or is only
// text. A page is put together of a dozen, and each call is a state and a stack
// of variables of its own. The set must be complete: what a block says is known
// only then.
func inline(set *template.Template) {
	for _, one := range set.Templates() {
		if one.Tree != nil {
			inlineList(set, one.Tree.Root, []string{one.Name()})
		}
	}
}

// inlineList is inline for a list that stands within templates of these names.
func inlineList(set *template.Template, list *parse.ListNode, within []string) {
	if list == nil {
		return
	}
	var nodes []parse.Node
	for _, n := range list.Nodes {
		for _, inner := range lists(n) {
			inlineList(set, inner, within)
		}
		if called := calledHere(set, n, within); called != nil {
			nodes = append(nodes, called.Nodes...)
		} else {
			nodes = append(nodes, n)
		}
	}
	list.Nodes = nodes
}

// calledHere returns a copy of what the call n shows, nil if n is none or the
// template called depends on being one.
func calledHere(set *template.Template, n parse.Node, within []string) *parse.ListNode {
	call, ok := n.(*parse.TemplateNode)
	if !ok || slices.Contains(within, call.Name) {
		return nil
	}
	called := set.Lookup(call.Name)
	if called == nil || called.Tree == nil {
		return nil
	}
	// A variable is one of the template's own, $ being its data.
	body := called.Tree.Root
	if !isText(body) && (!isDot(call.Pipe) || strings.Contains(body.String(), "$")) {
		return nil
	}
	body = body.CopyList()
	inlineList(set, body, append(slices.Clone(within), call.Name))
	return body
}

// isDot reports whether p passes on the caller's data as it is.
func isDot(p *parse.PipeNode) bool {
	return p != nil && len(p.Decl) == 0 && len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1 && p.Cmds[0].Args[0].Type() == parse.NodeDot
}

func isText(list *parse.ListNode) bool {
	return !slices.ContainsFunc(list.Nodes, func(n parse.Node) bool { return n.Type() != parse.NodeText })
}

// joinTexts makes one text of those that stand side by side.
func joinTexts(list *parse.ListNode) {
	if list == nil {
		return
	}
	var nodes []parse.Node
	var last *parse.TextNode
	for _, n := range list.Nodes {
		for _, inner := range lists(n) {
			joinTexts(inner)
		}
		text, ok := n.(*parse.TextNode)
		if ok && last != nil {
			last.Text = bytes.Join([][]byte{last.Text, text.Text}, nil)
			continue
		}
		last = text // nil if it is none
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}
