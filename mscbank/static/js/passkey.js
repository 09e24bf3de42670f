// Passkeys (WebAuthn): asks the server for a challenge, the authenticator for its answer, and sends the form.
// <div data-passkey="sign" | address of the options> holds a hidden input for the answer and a button.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

function text(buffer) {
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function named(list) {
  return (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
}

function asJson(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: text(credential.rawId), type, response, clientExtensionResults: {} });
}

async function answer(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (options.user) {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = named(options.excludeCredentials);
    return navigator.credentials.create({ publicKey });
  }
  publicKey.allowCredentials = named(options.allowCredentials);
  return navigator.credentials.get({ publicKey });
}

// null: the server has something to say about the form itself, which it says on the page.
async function optionsFor(form, kind) {
  const sent = new FormData(form);
  sent.set("ask", "passkey");
  const reply = await fetch(kind === "sign" ? form.action : kind, { method: "POST", body: new URLSearchParams(sent) });
  const isJson = (reply.headers.get("content-type") || "").startsWith("application/json");
  return reply.ok && isJson ? reply.json() : null;
}

async function use(place) {
  const form = place.closest("form");
  const input = place.querySelector("input");
  const failed = place.querySelector("[data-failed]");
  failed.hidden = true;
  try {
    const options = await optionsFor(form, place.dataset.passkey);
    if (options) input.value = asJson(await answer(options));
  } catch {
    failed.textContent = failed.dataset.failed;
    failed.hidden = false;
    return;
  }
  form.noValidate = true;
  form.requestSubmit(form.querySelector("button:not([type=button])"));
}

if (window.PublicKeyCredential) {
  for (const place of document.querySelectorAll("[data-passkey]")) {
    place.hidden = false;
    place.querySelector("button").addEventListener("click", () => use(place));
  }
}
