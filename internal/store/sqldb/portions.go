package sqldb

import (
	"database/sql"
	"runtime"
	"time"
)

// portions says how large the pieces are in which an end of many is written.
type portions struct {
	statement   int // sessions that one statement ends
	transaction int // sessions that one transaction of EndAll ends
	recorded    int // sessions that one EndRecorded should end of very many
	entries     int // of the ledger that one statement writes
	here        bool
}

// A database on another machine works for us while we wait: few statements and
// few commits are best.
var portionsAway = portions{statement: 300, transaction: 900, recorded: 500, entries: 40}

// SQLite works on our processors, and a check that comes meanwhile may find the
// one that it gets taken, even while another is idle: the system moves nobody for
// a millisecond or two. So each statement, commit and checkpoint (openSQLite)
// takes a fraction of one, and between them whoever ends many takes a breath.
var portionsHere = portions{statement: 10, transaction: 30, recorded: 30, entries: 10, here: true}

const (
	// breathAfter is for how long an end of many works without a breath, at
	// least: a statement is not interrupted.
	breathAfter = 150 * time.Microsecond
	// breath lets who waits for the processor have it. It is no longer because
	// others wait for the transaction that is open meanwhile.
	breath = 100 * time.Microsecond
)

// begin returns the portions of an end of n sessions that begins now. One of many
// begins with a breath: whoever has looked for them has worked already.
func (p portions) begin(n int) portioned {
	if n <= p.statement {
		return portioned{p, time.Now()}
	}
	return portioned{portions: p}
}

// portioned is an end of many that is under way.
type portioned struct {
	portions
	since time.Time // of the last breath
}

// breathe takes a breath if it is time. It is called between portions.
func (p *portioned) breathe() {
	if !p.here || time.Since(p.since) < breathAfter {
		return
	}
	nap(breath)
	runtime.Gosched() // on one processor, who has become ready meanwhile goes first
	p.since = time.Now()
}

// on returns how best to ask the same of tx many times.
func (p *portioned) on(tx *sql.Tx) querier {
	if !p.here {
		return tx
	}
	return &prepared{preparer: tx}
}
