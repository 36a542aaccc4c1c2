/** What went wrong, in the reader's language, with its code and what to do next. */
import { Alert, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { ApiProblem } from "../api/client.ts";
import { colon } from "../texts/colon.ts";
import { inLanguage } from "../texts/index.ts";

export interface ProblemProps {
  /** What was thrown: an ApiProblem, or anything. Nothing is shown for undefined and null. */
  readonly error: unknown;
}

/** `<Problem error={query.error}/>`: nothing while there is none. Announced to screen readers when it appears. */
export function Problem({ error }: ProblemProps) {
  const { t } = useTranslation("parts");
  if (error === undefined || error === null) return null;
  if (!(error instanceof ApiProblem)) {
    const what = error instanceof Error ? error.message : String(error);
    return <Alert type="error" showIcon role="alert" title={t("problem.unknown")} description={`${t("problem.unknown.next")} · ${what}`} />;
  }
  const { code, next, problems = [] } = error.error;
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={inLanguage(error.error)}
      description={
        <>
          <div>
            {t("problem.next")}
            {colon()}
            {inLanguage(next)}
          </div>
          {problems.length > 0 && (
            <ul>
              {problems.map((problem) => (
                <li key={`${problem.at} ${problem.en}`}>
                  <Typography.Text code>{problem.at}</Typography.Text> {inLanguage(problem)}
                </li>
              ))}
            </ul>
          )}
          <Typography.Text type="secondary">
            {t("problem.code")} <Typography.Text code>{code}</Typography.Text>
          </Typography.Text>
        </>
      }
    />
  );
}
