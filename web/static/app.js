// Makes the pages nicer. Everything works without it, and nothing here moves
// the focus, unless the whole page has gone, or keeps a form from being sent a
// second time after a failure.

const page = document.body;
const lang = document.documentElement.lang;

// ---- Times in the viewer's zone ----------------------------------------

const full = new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat(lang, { dateStyle: "long" });
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "always" });

// The server's clock counts: the viewer's may be wrong.
const skew = Date.parse(page.dataset.now) - Date.now();

// Units and rounding are those of the server (funcs_time.go).
function fromNow(at) {
  const seconds = Math.trunc((at - (Date.now() + skew)) / 1000);
  const size = Math.abs(seconds);
  if (size < 60) return page.dataset.justNow;
  for (const [unit, length, below] of [["minute", 60, 3600], ["hour", 3600, 86400], ["day", 86400, 31536000], ["year", 31536000, Infinity]]) {
    if (size < below) return relative.format(Math.trunc(seconds / length), unit);
  }
}

function showTimes() {
  for (const el of document.querySelectorAll("time[data-time]")) {
    const at = new Date(el.dateTime);
    const text = { relative: fromNow, date: (d) => day.format(d), absolute: (d) => full.format(d) }[el.dataset.time](at);
    if (el.textContent !== text) el.textContent = text;
    if (el.title) el.title = full.format(at);
  }
}

showTimes();
setInterval(showTimes, 30_000);

// ---- Nothing private after log-out --------------------------------------

// A page that the browser kept and shows again on Back knows nothing of what
// happened since: ask the server.
addEventListener("pageshow", (event) => {
  if (event.persisted && page.hasAttribute("data-signed-in")) {
    page.hidden = true;
    location.reload();
  }
});

// ---- The end of the session, at once ------------------------------------

// A page of somebody signed in listens for the end of that session. All tabs of
// a browser share one stream, held by whoever has the lock and passed on to the
// others: with HTTP/1.1 a browser opens six connections to a server and no more,
// so a stream in each tab would stop the seventh from loading at all.
if (page.dataset.live) listenForTheEnd(page.dataset.live);

function listenForTheEnd(mine) {
  const locks = navigator.locks; // not on plain http, where each visible page has a stream
  const hiddenFor = 5 * 60_000; // after that a hidden page lets go
  const sendingFor = 10_000; // after that a page that has sent a form seems to stay
  const tokenWithin = 4_000; // how long another tab may wait for the answer with its new token
  const silentFor = 50_000; // the server says something every 15 s
  const longest = 30_000; // between two tries

  let turn; // this page's place in the queue for the lock, or the lock
  let channel, source, timer, silence, hiding, replacedAt;
  let fails = 0;
  let sending = false;
  let over = false;

  const visible = () => document.visibilityState === "visible";

  // A page that is looked at takes the lock from whoever has it: that may be a
  // page that the browser has put to sleep.
  async function start() {
    if (over || sending || turn || (!locks && !visible())) return;
    const now = (turn = new AbortController());
    channel = new BroadcastChannel("gatehouse");
    channel.onmessage = (event) => hear(event.data, false);
    if (!locks) return open();
    let take = visible();
    while (!now.signal.aborted) {
      try {
        await locks.request("gatehouse-events", take ? { steal: true } : { signal: now.signal }, () => {
          if (now.signal.aborted) return;
          open();
          return new Promise((done) => now.signal.addEventListener("abort", done));
        });
      } catch {
        // Another page has taken it and passes on what it hears.
        if (!now.signal.aborted) close();
      }
      take = false;
    }
  }

  function stop() {
    close();
    turn?.abort();
    turn = undefined;
    channel?.close();
    channel = undefined;
  }

  function open() {
    close();
    source = new EventSource("/mypage/events");
    for (const kind of ["live", "ended", "crowded", "beat"]) {
      source.addEventListener(kind, (event) => {
        clearTimeout(silence);
        silence = setTimeout(failed, silentFor);
        hear({ kind, ...JSON.parse(event.data) }, true);
      });
    }
    source.onerror = failed;
  }

  function close() {
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
    source = undefined;
  }

  function hear(news, first) {
    if (over || sending) return;
    if (first && (news.kind === "live" || news.kind === "ended")) channel.postMessage(news);
    if (news.kind === "live") {
      fails = 0;
      if (news.session !== mine) reload(); // the browser has been given another session
    } else if (news.kind === "crowded") {
      stop(); // until somebody looks at this page again
    } else if (news.kind === "ended" && news.reason === "replaced") {
      replaced(news, first);
    } else if (news.kind === "ended") {
      cover(news);
    }
  }

  // Another token has taken the place of the one this page was shown for. If it
  // was for another tab of this browser (a new password, a new log-in) its
  // answer may still be on the way: soon the stream is live, and the page is
  // loaded anew. If not, somebody else has it.
  function replaced(news, first) {
    page.hidden = true;
    replacedAt ??= performance.now();
    if (performance.now() - replacedAt > tokenWithin) return cover(news);
    if (!first) return; // whoever listens tells
    close();
    timer = setTimeout(open, 300);
  }

  function reload() {
    over = true;
    stop();
    page.hidden = true;
    location.reload();
  }

  // The stream broke or was refused; which of them, browsers do not tell. To be
  // refused for want of a session leads to the log-in page; all else may pass.
  function failed() {
    close();
    const wait = Math.min(longest, 1_000 * 2 ** fails++) * (0.5 + Math.random());
    const now = (timer = setTimeout(async () => {
      const answer = await fetch("/mypage/events", { method: "HEAD" }).catch(() => undefined);
      if (over || sending || timer !== now || !turn) return;
      if (answer?.status === 401) reload();
      else if (answer?.ok) open();
      else failed();
    }, wait));
  }

  // Nothing of the page stays, in sight or out of it.
  function cover(news) {
    over = true;
    stop();
    const login = new URL(news.login, location.href);
    const here = document.querySelector(".languages input[name=next]")?.value;
    if (here && here !== "/") login.searchParams.set("next", here);
    const make = (name, attributes, ...children) => {
      const el = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
      el.append(...children);
      return el;
    };
    const title = make("h1", { tabindex: "-1", "aria-describedby": "ended-why" }, news.title);
    const card = make(
      "article",
      { class: "ended" },
      title,
      make("p", { id: "ended-why", class: "lead" }, news.text),
      make("p", {}, make("a", { class: "button", href: login.pathname + login.search }, news.action)),
    );
    page.replaceChildren(make("main", { id: "main", class: "slim", "data-reason": news.reason }, card));
    page.dataset.page = "ended";
    page.removeAttribute("data-live");
    page.hidden = false;
    document.title = `${news.title} · Gatehouse`;
    scrollTo(0, 0);
    title.focus();
  }

  // A page that sends a form is about to be another page, and what it sends may
  // be the very thing that ends its session.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    sending = true;
    stop();
    setTimeout(() => {
      sending = false;
      start();
    }, sendingFor);
  });
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (!visible()) {
      if (locks) hiding = setTimeout(stop, hiddenFor);
      else stop();
    } else if (!source) {
      fails = 0;
      stop();
      start();
    }
  });
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
  start();
}

// ---- Double submit -------------------------------------------------------

// A second press within moments is a slip; a later one is a retry.
const slip = 2_000;

for (const form of document.querySelectorAll("form")) {
  if (form.method !== "post") continue;
  let sent = -Infinity;
  const buttons = form.querySelectorAll("button:not([type=button])");
  const busy = (yes) => buttons.forEach((b) => (yes ? b.setAttribute("aria-busy", "true") : b.removeAttribute("aria-busy")));
  form.addEventListener("submit", (event) => {
    const now = performance.now();
    if (now - sent < slip) {
      event.preventDefault();
      return;
    }
    sent = now;
    busy(true);
    setTimeout(busy, slip, false);
  });
  addEventListener("pageshow", () => {
    sent = -Infinity;
    busy(false);
  });
}

// ---- Passwords -----------------------------------------------------------

for (const button of document.querySelectorAll("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const show = (yes) => {
    input.type = yes ? "text" : "password";
    button.setAttribute("aria-pressed", String(yes));
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  // Sent as a password again, so that browsers offer to keep it and do not
  // remember it as ordinary text.
  input.form.addEventListener("submit", () => show(false));
}

for (const hints of document.querySelectorAll("[data-hints]")) {
  const input = document.getElementById(hints.dataset.hints);
  const caps = hints.querySelector("[data-hint=caps]");
  const hangul = hints.querySelector("[data-hint=hangul]");
  const isPassword = input.type === "password";
  const onKey = (event) => {
    // Autofill sends key events that know nothing of keys.
    if (isPassword && event.getModifierState) caps.hidden = !event.getModifierState("CapsLock");
  };
  input.addEventListener("keydown", onKey);
  input.addEventListener("keyup", onKey);
  input.addEventListener("blur", () => (caps.hidden = true));
  if (hangul) {
    input.addEventListener("input", () => (hangul.hidden = !/[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/.test(input.value)));
  }
}

// ---- Rules of sign-up ----------------------------------------------------

// Marks the rules that can be checked here. The server checks all of them.
for (const rules of document.querySelectorAll(".rules")) {
  const input = document.getElementById(rules.id.replace(/-rules$/, ""));
  const told = document.querySelector(`[data-hints=${input.id}] [data-hint=rules]`);
  const check = () => {
    const broken = [];
    const value = input.dataset.min ? input.value : input.value.trim();
    if (value === "") {
      // Nothing to judge; what the server said of it stays.
      told.textContent = "";
      for (const rule of rules.children) delete rule.dataset.state;
      return;
    }
    for (const rule of rules.querySelectorAll("[data-rule]")) {
      const kept = rule.dataset.pattern ? new RegExp(rule.dataset.pattern, "u").test(value) : lengthFits(input);
      rule.dataset.state = kept ? "kept" : "broken";
      if (!kept) broken.push(rule.textContent);
    }
    // The marks are for the eye; this says the same aloud.
    told.textContent = broken.join(". ");
    if (broken.length > 0) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("blur", check);
  input.addEventListener("input", () => {
    // While typing, a mark is only taken back, never given: nobody is told off
    // in the middle of a word.
    if (rules.querySelector("[data-state=broken]")) check();
  });
}

const characters = (text) => [...text.normalize("NFC")].length;

function lengthFits(input) {
  const n = characters(input.value);
  return n >= Number(input.dataset.min) && n <= Number(input.dataset.max);
}

for (const gauge of document.querySelectorAll("[data-strength]")) {
  const input = document.getElementById(gauge.dataset.strength);
  const words = gauge.dataset.words.split("|");
  const count = gauge.querySelector("[data-count]");
  const word = gauge.querySelector("[data-word]");
  input.addEventListener("input", () => {
    const n = characters(input.value);
    const level = strength(input.value, Number(input.dataset.min), Number(input.dataset.max));
    gauge.hidden = n === 0;
    gauge.dataset.level = level > 3 ? 0 : level;
    count.textContent = `${n}/${input.dataset.max}`;
    // The region is read aloud: only when the word changes.
    if (word.textContent !== words[level]) word.textContent = words[level];
  });
}

// A rough guess from length and variety: 0 too short … 3 good, 4 too long. The
// server's judgement, which knows words, is the one that counts.
function strength(value, min, max) {
  const n = characters(value);
  if (n < min) return 0;
  if (n > max) return 4;
  const different = new Set(value.toLowerCase()).size;
  const letters = /[^\x00-\x7f]/.test(value) ? 1.5 : 1;
  const worth = letters * Math.min(n, different * 2);
  return worth < 10 ? 1 : worth < 16 ? 2 : 3;
}
