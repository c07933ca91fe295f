// Asks every second which generation serves, and reloads once it is another one.
const shown = document.currentScript.dataset.generation;

async function check() {
  try {
    const answer = await fetch("/cdn-cgi/wrangler-py/generation", { cache: "no-store" });
    if (answer.ok && (await answer.text()) !== shown) {
      location.reload();
      return;
    }
  } catch {
    // The server is between two generations, or has ended.
  }
  setTimeout(check, 1000);
}

setTimeout(check, 1000);
