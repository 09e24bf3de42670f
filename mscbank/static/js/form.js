// Forms: sent once; typed text kept in this tab until it is sent, identifying values and passwords never.

const KEPT = "typed:";
const me = document.querySelector(".me");
const OWN = `${KEPT}${me?.dataset.login ?? ""}:`;

function keepable(form) {
  return [...form.elements].filter((e) => e.name && e.dataset.private === undefined && !["password", "hidden", "file", "submit", "button"].includes(e.type));
}

function place(form) {
  return OWN + location.pathname + "#" + new URL(form.action, location.href).pathname;
}

function keep(form) {
  const typed = keepable(form).map((e) => [e.name, e.value, e.type === "checkbox" ? e.checked : e.value]);
  try {
    sessionStorage.setItem(place(form), JSON.stringify(typed));
  } catch {
    // A full or forbidden store only means that a reload forgets what was typed.
  }
}

// Only an untouched form is filled again: what the server shows after a refusal is newer than what was kept.
function giveBack(form) {
  const stored = sessionStorage.getItem(place(form));
  if (!stored || form.querySelector("[aria-invalid]")) return;
  for (const [name, value, now] of JSON.parse(stored)) {
    for (const element of keepable(form)) {
      if (element.name !== name) continue;
      if (element.type === "checkbox") {
        if (element.value === value) element.checked = now;
      } else if (element.value === element.defaultValue || element.tagName === "SELECT") element.value = now;
    }
  }
}

function forgetAll() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(KEPT)) sessionStorage.removeItem(key);
}

for (const form of document.querySelectorAll("form[data-once]")) {
  if (form.classList.contains("form")) {
    giveBack(form);
    form.addEventListener("input", () => keep(form));
  }
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formTarget === "_blank") return; // the form itself stays and is sent later
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    sessionStorage.removeItem(place(form));
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  });
}

// What somebody else typed here, or anybody when nobody is signed in, is nobody's business any more.
for (const key of Object.keys(sessionStorage)) {
  if (key.startsWith(KEPT) && !(me && key.startsWith(OWN))) sessionStorage.removeItem(key);
}
for (const form of document.querySelectorAll("form.sign-out")) form.addEventListener("submit", forgetAll);

// Gloved hands: a gun ends with Enter. Where a badge is awaited, Enter goes to what is still empty; then it sends.
function stillEmpty(form) {
  const badge = form.querySelector("[data-badge]");
  const secret = form.elements.namedItem(badge.name.replace("badge", "secret"));
  return [...form.elements].find((one) => {
    if (one === badge) return !badge.value && !secret.value;
    return one.required && (one.type === "checkbox" ? !one.checked : !one.value);
  });
}

for (const badge of document.querySelectorAll("form [data-badge]")) {
  const form = badge.form;
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    const next = stillEmpty(form);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  badge.addEventListener("scanned", () => {
    const next = stillEmpty(form);
    if (next) next.focus();
    else form.requestSubmit(form.querySelector(".moves button"));
  });
}

// Coming back with the browser's arrow: forms may be sent again, secrets are gone.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  }
});
window.addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll('input[type="password"]')) secret.value = "";
});

// The bar that leads to the signature hides while the signature itself is in view.
for (const bar of document.querySelectorAll("[data-sign-bar]")) {
  const seen = new IntersectionObserver(([panel]) => (bar.hidden = panel.isIntersecting), { threshold: 0.4 });
  seen.observe(bar.closest(".sign-panel"));
}

// A button that prints the page stands there only where it works.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A refusal or a list of faults takes the focus, so that it is read first.
document.querySelector("[data-take-focus]")?.focus();
