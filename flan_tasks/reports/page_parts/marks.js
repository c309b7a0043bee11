// What is searched for, and where it stands in a text.

function matcher(text) {
  if (!text) return null;
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "iu");
}

function marked(text, pattern) {
  if (!pattern) return [text];
  const pieces = text.split(new RegExp(`(${pattern.source})`, "iu"));
  return pieces.map((piece, number) => (number % 2 ? make("mark", null, piece) : piece));
}
