/** Values of a pasted list: separated by line breaks, blanks, commas or semicolons, also Chinese ones; each once, in their order. */
export const keysOf = (text: string): readonly string[] => [...new Set(text.split(/[\s,;，；、]+/u).filter((one) => one !== ""))];
