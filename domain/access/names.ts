/** Login names and the names that deeds are signed with. */
import { type OperationRefused, refused } from "../operations/refusals.ts";
import { samePerson } from "../operations/rules.ts";
import { LOGIN_MAX, NAME_MAX, STAFF_NO_MAX } from "./limits.ts";
import { TOKEN_PRINCIPAL } from "./rights.ts";
import type { StoredAccount } from "./ports.ts";

/** Letters and digits of any script; no blank, nothing that another system reads as more than a name. */
const LOGIN = /^[\p{L}\p{N}][\p{L}\p{N}._@-]*$/u;

/** What is wrong with the names by themselves. */
export function namesProblem(login: string, name: string): OperationRefused | undefined {
  const plain = login.normalize("NFKC").trim();
  const problems = [
    ...(LOGIN.test(plain) && plain.length >= 2 && plain.length <= LOGIN_MAX
      ? []
      : [{ at: "/login", zh: `2 至 ${LOGIN_MAX} 个字母、数字或 . _ @ -`, en: `2 to ${LOGIN_MAX} letters, digits or . _ @ -` }]),
    ...nameProblems(name),
  ];
  return problems.length > 0 ? refused("ACCOUNT_REFUSED", { problems }) : undefined;
}

/** A name that nothing shows of, or that a program signs with, is none. */
export function nameProblems(name: string) {
  const bad = name.trim().length > NAME_MAX || samePerson(name, "") || samePerson(name, TOKEN_PRINCIPAL.name);
  return bad ? [{ at: "/name", zh: `1 至 ${NAME_MAX} 个看得见的字`, en: `1 to ${NAME_MAX} visible characters` }] : [];
}

/** A signature must tell people apart, those that are disabled, too: their deeds stay in the audit. */
export const nameTaken = (accounts: readonly StoredAccount[], name: string, except?: string): boolean =>
  accounts.some((one) => one.id !== except && samePerson(one.name, name));

const STAFF_NO = /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u;

/** A staff number as it is kept: one number however it is typed. */
export const staffNumber = (given: string): string => given.normalize("NFKC").trim().toUpperCase();

/** What is wrong with a staff number that is kept so, among the accounts there are. An empty one is none. */
export function staffNumberProblem(
  accounts: readonly StoredAccount[],
  given: { readonly staffNo: string | undefined; readonly except?: string; readonly required: boolean },
): OperationRefused | undefined {
  const { staffNo, except, required } = given;
  if (staffNo === undefined) return required ? refused("STAFF_NO_REQUIRED") : undefined;
  if (staffNo.length > STAFF_NO_MAX || !STAFF_NO.test(staffNo))
    return refused("ACCOUNT_REFUSED", {
      problems: [
        { at: "/staffNo", zh: `至多 ${STAFF_NO_MAX} 个字母、数字或 . _ -`, en: `at most ${STAFF_NO_MAX} letters, digits or . _ -` },
      ],
    });
  const taken = accounts.some((one) => one.id !== except && one.state === "active" && one.staffNo === staffNo);
  return taken ? refused("STAFF_NO_TAKEN") : undefined;
}
