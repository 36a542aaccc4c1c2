/** A plain `name` inside of what is called a patient, an operator …: whose name it is stands around it, whatever characters it has. */

const PEOPLE = "patient|operator|person|insured|doctor|payer|payee|cardholder";
/** Every repetition has its limit: a partner's text must not make a pattern slow. */
const ATTRIBUTE = new RegExp(`(<(?:\\w{1,16}:)?(?:${PEOPLE})(?:\\s[^<>]{0,300}?)?\\sname=)(["'])([^"'<>]{1,64})\\2`, "gi");
const CHILD = new RegExp(
  `(<(?:\\w{1,16}:)?(?:${PEOPLE})(?:\\s[^<>]{0,200})?>\\s*(?:<\\w{1,32}>[^<>]{0,64}</\\w{1,32}>\\s*){0,8}<name>)([^<>]{1,64})(?=</name>)`,
  "gi",
);
const MEMBER = new RegExp(`("(?:${PEOPLE})"\\s*:\\s*\\{[^{}]{0,300}?"name"\\s*:\\s*")((?:[^"\\\\]){1,64})(?=")`, "gi");

/** `mask` is given each name. */
export const maskPeople = (text: string, mask: (name: string) => string): string =>
  text
    .replace(ATTRIBUTE, (_all, before: string, quote: string, name: string) => `${before}${quote}${mask(name)}${quote}`)
    .replace(CHILD, (_all, before: string, name: string) => before + mask(name))
    .replace(MEMBER, (_all, before: string, name: string) => before + mask(name));
