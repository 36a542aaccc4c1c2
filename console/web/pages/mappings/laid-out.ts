/** A message as people read it: JSON and XML one thing a line; anything else as it stands, a segment a line. For looking and comparing, never for sending. */
const INDENT = "  ";
/** Longer ones are shown as they stand: a browser must not stand still. */
const CHARS_MAX = 300_000;

function json(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, INDENT);
  } catch {
    return undefined;
  }
}

/** Each element on a line of its own, a text beside its element's tags. */
function xml(text: string): string {
  let depth = 0;
  const lines: string[] = [];
  for (const part of text.replace(/>\s*</g, ">\u0000<").split("\u0000")) {
    const closes = part.startsWith("</");
    if (closes) depth = Math.max(0, depth - 1);
    lines.push(INDENT.repeat(depth) + part);
    const opens = /^<[^/?!]/.test(part) && !part.endsWith("/>") && !/<\/[^<]*>$/.test(part);
    if (opens) depth += 1;
  }
  return lines.join("\n");
}

export function laidOut(text: string, codec: string): string {
  if (text.length > CHARS_MAX) return text;
  if (codec === "json") return json(text) ?? text;
  return codec === "xml" ? xml(text) : text.replace(/\r\n?/g, "\n");
}
