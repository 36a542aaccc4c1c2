/** Whether the record is as it was written: in words, with the entries that are not. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { AuditVerification } from "../../../../domain/operations/views-audit.ts";
import { get } from "../../api/client.ts";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";

export const VERIFICATION = ["/audit/verification"] as const;
const EVERY_MS = 600_000;

export const useVerification = () =>
  useQuery({
    queryKey: VERIFICATION,
    queryFn: () => get<AuditVerification>("/audit/verification"),
    staleTime: 60_000,
    refetchInterval: EVERY_MS,
  });

/** Each finding: what was done, to which entry. */
function Findings({ told }: { readonly told: AuditVerification }) {
  const { t } = useTranslation("audit");
  return (
    <ul style={{ margin: "4px 0", paddingInlineStart: 20 }}>
      {told.findings.map((one) => (
        <li key={`${one.kind} ${one.n} ${one.entry ?? ""}`}>
          <Tag>{t(`kind.${one.kind}`)}</Tag> {inLanguage(one)}
        </li>
      ))}
      {told.more > 0 && <li>{t("chain.more", { n: told.more })}</li>}
    </ul>
  );
}

export function Chain() {
  const { t } = useTranslation("audit");
  const verification = useVerification();
  const told = verification.data;
  const again = (
    <Button size="small" loading={verification.isFetching} onClick={() => void verification.refetch()}>
      {t("chain.verify")}
    </Button>
  );
  if (verification.error) return <Problem error={verification.error} />;
  if (told === undefined) return <Alert type="info" showIcon title={t("chain.busy")} style={{ marginBottom: 12 }} />;
  const { head, intact, findings, more, upTo, outside } = told;
  const signed = head === undefined ? t("chain.unsigned") : t("chain.at", { at: head.at.slice(0, 19).replace("T", " "), key: head.key });
  return (
    <Alert
      role={intact ? "status" : "alert"}
      type={!intact ? "error" : outside === "missing" ? "warning" : "success"}
      showIcon
      action={again}
      style={{ marginBottom: 12 }}
      title={intact ? t("chain.intact", { n: upTo, head: head?.n ?? "0" }) : t("chain.broken", { n: findings.length + more })}
      description={
        <>
          {!intact && <Findings told={told} />}
          <Typography.Text>
            {signed} · {t(`chain.outside.${outside}`)}
          </Typography.Text>
        </>
      }
    />
  );
}
