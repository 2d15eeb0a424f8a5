// Buttons that copy a text. Browsers allow it over TLS and on loopback alone: elsewhere the buttons stay hidden.

/** Show the copy buttons in `root` and let them work. */
export function offerCopies(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Not copied";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}
