// Files that are dropped on the page.

// A file that misses its place must not take the page's: a browser would open it instead.
export function keepPage() {
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
}

// What is dropped anywhere on a panel goes to `take`; `place` shows where it will go.
export function dropInto(panel, place, take) {
  for (const name of ["dragenter", "dragover"]) {
    panel.addEventListener(name, (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
  }
  panel.addEventListener("dragleave", (event) => {
    if (!panel.contains(event.relatedTarget)) place.classList.remove("over");
  });
  panel.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    take(event.dataTransfer);
  });
}
