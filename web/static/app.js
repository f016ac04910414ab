// Makes the pages nicer. Everything works without it, and nothing here moves
// the focus or keeps a form from being sent a second time after a failure.

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
