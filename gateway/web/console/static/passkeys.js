// Forms that a passkey answers: the browser asks the authenticator, the answer goes along with the form.

const MESSAGES = {
  NotAllowedError: "It was not done: cancelled, too late, or there is no passkey of yours here.",
  InvalidStateError: "This device or security key holds a passkey of yours already.",
  SecurityError: "Passkeys do not work at this address. Open the console at the address that it is set up for.",
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (window.PublicKeyCredential) offer(form);
}

function offer(form) {
  say(form, "");
  form.querySelector("button").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(form);
  });
}

async function answer(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  say(form, "Your device asks you now.");
  try {
    const options = { publicKey: decoded(JSON.parse(form.dataset.options)) };
    const credential = await navigator.credentials[form.dataset.passkey](options);
    form.elements.answer.value = JSON.stringify(encoded(credential));
    form.submit();
  } catch (error) {
    say(form, MESSAGES[error.name] ?? "It did not work: " + error.name);
    button.disabled = false;
  }
}

function say(form, text) {
  form.querySelector(".passkey-state").textContent = text;
}

/** The options with bytes where JSON has base64url. */
function decoded(options) {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials]) {
    for (const each of list ?? []) each.id = bytes(each.id);
  }
  return options;
}

/** The answer with base64url where it has bytes. */
function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
}

function bytes(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function text(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
