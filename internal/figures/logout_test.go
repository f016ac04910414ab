package figures

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gatehouse/internal/measure"
)

// LogOut is what became of one site's forced log-outs.
type LogOut struct {
	Site           string
	Trials         int
	Requests       int
	AcceptedBefore int // began before the end was answered
	BegunAfter     int // began after that
	AcceptedAfter  int // of these; must be 0
	AliveLater     int // sessions accepted again after aliveAfter; must be 0
	EndMedian      time.Duration
	EndWorst       time.Duration
}

// aliveAfter is when a trial looks at its ended session again.
const aliveAfter = time.Second

// trialsWithin bounds the trials of one site; they take a small part of it.
const trialsWithin = 3 * time.Minute

func measureLogOut(t *testing.T, trials int) []LogOut {
	ours := forcedLogOuts(t, gatehouseSite(t), trials)
	if ours.AcceptedAfter != 0 || ours.AliveLater != 0 {
		t.Errorf("%d of %d requests begun after the end were accepted, %d of %d sessions were alive again; want none",
			ours.AcceptedAfter, ours.BegunAfter, ours.AliveLater, ours.Trials)
	}
	// Stock scs shows that this load would find a session that comes back.
	stock := forcedLogOuts(t, stockSite(t), trials)
	if stock.AcceptedAfter == 0 || stock.AliveLater == 0 {
		t.Errorf("the load found nothing wrong with stock scs: %+v", stock)
	}
	return []LogOut{ours, stock}
}

func forcedLogOuts(t *testing.T, s *site, trials int) LogOut {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), trialsWithin)
	defer cancel()
	f := LogOut{Site: s.name, Trials: trials}
	var ends []time.Duration
	var later errgroup.Group // the next trials go on while these wait
	var alive atomic.Int64
	for range trials {
		one, err := s.try(ctx)
		must(t, err)
		f.Requests += one.requests
		f.AcceptedBefore += one.acceptedBefore
		f.BegunAfter += one.begunAfter
		f.AcceptedAfter += one.acceptedAfter
		ends = append(ends, one.endTook)
		later.Go(func() error {
			time.Sleep(time.Until(one.ended.Add(aliveAfter)))
			yes, err := s.alive(ctx, one.cookie)
			if yes {
				alive.Add(1)
			}
			return err
		})
	}
	must(t, later.Wait())
	f.AliveLater = int(alive.Load())
	slices.Sort(ends)
	f.EndMedian, f.EndWorst = ends[len(ends)/2], ends[len(ends)-1]
	return f
}

func logOutRows(all []LogOut) [][]string {
	rows := [][]string{
		{""}, {"trials"}, {"requests"}, {"accepted, begun before the end was answered"}, {"begun after it"},
		{"  of these accepted"}, {"sessions alive one second later"}, {"end answered after, median (worst)"},
	}
	for _, f := range all {
		for i, cell := range []string{
			f.Site, measure.Count(f.Trials), measure.Count(f.Requests), measure.Count(f.AcceptedBefore), measure.Count(f.BegunAfter),
			measure.Count(f.AcceptedAfter), fmt.Sprintf("%d of %d", f.AliveLater, f.Trials),
			fmt.Sprintf("%s (%s)", ms(f.EndMedian), ms(f.EndWorst)),
		} {
			rows[i] = append(rows[i], cell)
		}
	}
	return rows
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
