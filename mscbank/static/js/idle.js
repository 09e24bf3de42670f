// After the idle time the page asks for the secret in place; what was typed stays in its fields.

const question = document.getElementById("again-template")?.content.firstElementChild;
const limit = Number(question?.dataset.idle) * 1000;
const LOOK_EVERY = 15_000; // how often the clock is looked at, in milliseconds
const TELL_EVERY = 60_000; // how often work at the page is told to the service

let until = Date.now() + limit;
let told = Date.now();
let worked = false;

function locked() {
  return question.open;
}

// Another tab may have kept the session alive: the service knows, and asking it does not prolong anything.
async function look() {
  if (locked()) return;
  const now = Date.now();
  if (worked && now - told > TELL_EVERY && now < until) {
    worked = false;
    told = now;
    await fetch(question.dataset.seen, { headers: { Accept: "application/json" }, redirect: "manual" }).then(
      (response) => {
        if (response.status === 204) until = Date.now() + limit;
        else if (response.status === 409) leave();
      },
      () => {}, // no network: the service is asked again when the time is over
    );
  }
  if (now < until) return;
  let left = 0;
  try {
    const reply = await fetch(question.dataset.left);
    if (reply.status === 409) {
      leave();
      return;
    }
    left = (await reply.json()).left;
  } catch {
    // Nobody answers: what stands on the page is hidden all the same.
  }
  if (left > 0) until = Date.now() + left * 1000;
  else lock();
}

// Somebody else signed in here meanwhile: what stands on this page is none of their business.
function leave() {
  document.body.classList.add("locked");
  for (const form of document.forms) form.reset();
  location.replace(question.dataset.gone);
}

async function whose() {
  if (document.visibilityState !== "visible" || locked()) return;
  const reply = await fetch(question.dataset.left).catch(() => null);
  if (reply?.status === 409) leave();
}

function lock() {
  if (locked()) return;
  for (const secret of document.querySelectorAll('input[type="password"]')) secret.value = "";
  document.body.classList.add("locked");
  if (!question.isConnected) document.body.append(question);
  question.showModal();
  question.querySelector("[name=again_secret]").focus();
}

function unlock() {
  question.querySelector("form").reset();
  question.close();
  document.body.classList.remove("locked");
  until = Date.now() + limit;
  told = Date.now();
}

function say(which) {
  const fault = document.getElementById("again-fault");
  fault.textContent = fault.dataset[which];
  fault.hidden = false;
  question.querySelector("[name=again_secret]").select();
}

async function goOn(event) {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  try {
    const response = await fetch(form.action, {
      method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, redirect: "manual",
    });
    document.getElementById("again-fault").hidden = true;
    if (response.status === 204) unlock();
    else if (response.status === 401) say("wrong");
    else if (response.status === 429) say("many");
    else leave();
  } catch {
    say("lost");
  } finally {
    button.disabled = false;
  }
}

if (question) {
  for (const kind of ["input", "keydown", "pointerdown"]) document.addEventListener(kind, () => (worked = true), { passive: true });
  question.addEventListener("cancel", (event) => event.preventDefault());
  question.querySelector("form").addEventListener("submit", goOn);
  setInterval(look, LOOK_EVERY);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("visibilitychange", whose);
  addEventListener("pageshow", look);
  addEventListener("pageshow", whose);
}
