// The scan box: gun, camera, typing. Everything here only helps; without it the box is a plain form.

import { tone } from "./tones.js";

const BETWEEN_KEYS = 35; // a gun types faster than this, in milliseconds; nobody's fingers do
const SHORTEST = 4; // symbols before a burst counts as a scan
const BADGE = /^h.{10}$/i; // goes where a second person is asked for a badge, wherever the focus is
const SILENCE = 90; // after this long without a key a burst is over

const form = document.querySelector("form[data-scan]");
const box = form?.elements.namedItem("code");

function isField(element) {
  return element instanceof HTMLElement && element !== box && element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

function takeFocus() {
  if (!box || document.querySelector("[data-take-focus], [autofocus], .at-fault")) return;
  if (location.hash && document.querySelector(":target")) return;
  box.focus({ preventScroll: true });
}

function announce() {
  const answer = document.querySelector("[data-tone]");
  if (answer) tone(answer.dataset.tone);
}

// Sending

let sending = false;

async function send() {
  const target = form.dataset.swap && document.getElementById(form.dataset.swap);
  if (!target) {
    form.submit();
    return;
  }
  const body = new FormData(form);
  box.value = "";
  sending = true;
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById(target.id);
    if (response.redirected && !fresh) {
      location.assign(response.url);
      return;
    }
    if (!fresh) throw new TypeError("no answer");
    target.replaceWith(document.adoptNode(fresh));
    announce();
  } catch {
    const silent = document.getElementById("scan-not-sent");
    if (silent) {
      target.querySelector(".answer")?.remove();
      target.prepend(silent.content.cloneNode(true));
    }
    tone("look");
  } finally {
    sending = false;
    takeFocus();
  }
}

function scanned(code) {
  if (sending) return;
  // A red answer stays until somebody answers it: another scan only buzzes again.
  if (document.querySelector("main .answer-stop[data-tone] + .answer-buttons")) {
    tone("stop");
    return;
  }
  const badge = document.querySelector("main [data-badge]");
  if (badge && BADGE.test(code)) {
    box.value = "";
    badge.value = code;
    badge.dispatchEvent(new Event("scanned"));
    return;
  }
  box.value = code;
  send();
}

// A gun, wherever the focus is

let burst = null;

function endBurst(accepted) {
  clearTimeout(burst?.timer);
  const ended = burst;
  burst = null;
  if (!ended || accepted || !ended.taken) return;
  // It was no scan after all: what was held back goes where it was typed.
  if (ended.field?.isConnected) {
    ended.field.setRangeText(ended.text.slice(ended.left), ended.field.selectionStart, ended.field.selectionEnd, "end");
    ended.field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function looksLikeCode(text) {
  return /^[0-9A-Za-z]{11}$/.test(text) || /^[=&\]]/.test(text);
}

function begin(event) {
  const field = isField(event.target) ? event.target : null;
  let before = null;
  if (field && "value" in field) before = { value: field.value, start: field.selectionStart, end: field.selectionEnd };
  burst = { text: event.key, last: event.timeStamp, field, before, taken: false, left: 0 };
}

function hold(event) {
  burst.text += event.key;
  burst.last = event.timeStamp;
  if (!burst.taken && burst.text.length >= SHORTEST) {
    burst.taken = true;
    // What the gun had already put into the field goes out again, and is remembered in case it was a person.
    if (burst.field && burst.before && burst.field.tagName !== "SELECT") {
      burst.field.value = burst.before.value;
      if (burst.before.start !== null) burst.field.setSelectionRange(burst.before.start, burst.before.end);
    }
  }
  if (burst.taken) event.preventDefault();
}

function onKey(event) {
  if (event.target === box) {
    if (event.key === "Escape") box.blur();
    return;
  }
  if (event.target instanceof HTMLElement && event.target.matches("[data-badge]")) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const quick = burst && event.timeStamp - burst.last < BETWEEN_KEYS;
  if ((event.key === "Enter" || event.key === "Tab") && quick && burst.text.length >= SHORTEST) {
    const { text, field } = burst;
    if (field?.type !== "password" || looksLikeCode(text)) {
      event.preventDefault();
      event.stopPropagation();
      endBurst(true);
      scanned(text);
      return;
    }
    endBurst(false);
    return;
  }
  if (event.key.length !== 1) return;
  if (quick) hold(event);
  else {
    endBurst(false);
    begin(event);
  }
  clearTimeout(burst.timer);
  burst.timer = setTimeout(() => endBurst(false), SILENCE);
}

// The camera

const VENDOR = new URL("../vendor/barcode-detector/", import.meta.url).href;
let camera = null;

function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function detector() {
  const formats = ["qr_code", "data_matrix"];
  if ("BarcodeDetector" in window) {
    const known = await window.BarcodeDetector.getSupportedFormats();
    if (formats.every((name) => known.includes(name))) return new window.BarcodeDetector({ formats });
  }
  if (!window.BarcodeDetectionAPI) await load(VENDOR + "ponyfill.js");
  const { BarcodeDetector, prepareZXingModule } = window.BarcodeDetectionAPI;
  prepareZXingModule({ overrides: { locateFile: (path) => VENDOR + path } });
  return new BarcodeDetector({ formats });
}

function closeCamera(button) {
  if (!camera) return;
  for (const track of camera.stream?.getTracks() ?? []) track.stop();
  camera.view.remove();
  camera = null;
  button.setAttribute("aria-expanded", "false");
  button.querySelector("span").textContent = button.dataset.open;
  takeFocus();
}

async function openCamera(button) {
  const view = document.createElement("div");
  view.className = "camera-view";
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  view.append(video);
  form.append(view);
  camera = { view, stream: null };
  const mine = camera;
  button.setAttribute("aria-expanded", "true");
  button.querySelector("span").textContent = button.dataset.close;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    if (camera !== mine) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    camera.stream = stream;
    video.srcObject = stream;
    await video.play();
    await look(await detector(), video, mine, button);
  } catch {
    const sentence = document.createElement("p");
    sentence.setAttribute("role", "alert");
    sentence.textContent = button.dataset.denied;
    view.replaceChildren(sentence);
  }
}

async function look(reader, video, mine, button) {
  let lastCode = null;
  while (camera === mine) {
    const [found] = await reader.detect(video);
    if (camera !== mine) return;
    if (found && found.rawValue !== lastCode) {
      lastCode = found.rawValue;
      if (!form.dataset.swap) closeCamera(button);
      scanned(found.rawValue.trim());
    } else if (!found) lastCode = null;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

function wireCamera(button) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  button.dataset.open = button.querySelector("span").textContent;
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => (camera ? closeCamera(button) : openCamera(button)));
}

// The network's sign

function showNetwork() {
  const sign = document.querySelector("[data-network]");
  if (!sign) return;
  sign.hidden = navigator.onLine && !document.body.classList.contains("station");
  sign.classList.toggle("go", navigator.onLine);
  sign.classList.toggle("wait", !navigator.onLine);
  sign.querySelector("span").textContent = navigator.onLine ? sign.dataset.on : sign.dataset.off;
  const use = sign.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, navigator.onLine ? "#check" : "#triangle"));
}

if (form && box) {
  // On a tablet the box is ready without the keyboard covering half the page; a touch on it brings the keyboard.
  if (matchMedia("(pointer: coarse)").matches) {
    box.inputMode = "none";
    box.addEventListener("pointerdown", () => (box.inputMode = "text"));
    box.addEventListener("blur", () => (box.inputMode = "none"));
  }
  document.addEventListener("keydown", onKey, true);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = box.value.trim();
    if (code) scanned(code);
  });
  const button = form.querySelector("[data-camera]");
  if (button) wireCamera(button);
  takeFocus();
}
announce();
showNetwork();
window.addEventListener("online", showNetwork);
window.addEventListener("offline", showNetwork);
