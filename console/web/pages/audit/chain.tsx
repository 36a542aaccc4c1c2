/** Whether the record is as it was written: in words, with the entries that are not. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Done } from "../../../../domain/operations/views.ts";
import type { AuditBreak, AuditVerification } from "../../../../domain/operations/views-audit.ts";
import { get, post } from "../../api/client.ts";
import { useMay, useMe } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { Problem } from "../../parts/problem.tsx";
import { inLanguage } from "../../texts/index.ts";

const VERIFICATION = ["/audit/verification"] as const;
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

/** What two people may accept after a backup was rightfully restored: one asks, the other approves, both by the break's hash. */
function Break({ broken }: { readonly broken: AuditBreak }) {
  const { t } = useTranslation("audit");
  const client = useQueryClient();
  const ask = useAskReason();
  const me = useMe();
  const [mayAsk, mayApprove] = [useMay("restore"), useMay("vouch")];
  const act = useMutation({
    mutationFn: ({ path, reason }: { readonly path: string; readonly reason: string }) => post<Done>(path, { hash: broken.hash, reason }),
    onSettled: () => client.invalidateQueries({ queryKey: VERIFICATION }),
  });
  const { asked, from, last, hash } = broken;
  const told = t("break.told", { from, last: last.n, at: last.at.slice(0, 19).replace("T", " "), hash: hash.slice(0, 16) });
  const go = async (what: "ask" | "approve"): Promise<void> => {
    const reason = await ask({ title: t(`break.${what}`), confirm: t(`break.${what}.go`), danger: true, fields: told });
    const path = what === "ask" ? "/audit/accept-restore" : "/audit/accept-restore/approve";
    if (reason !== undefined) act.mutate({ path, reason });
  };
  return (
    <Flex vertical gap={4} style={{ marginBottom: 4 }}>
      <Typography.Text>{told}</Typography.Text>
      {asked !== undefined && <Typography.Text>{t("break.asked", { by: asked.by, reason: asked.reason })}</Typography.Text>}
      <Flex gap="small">
        {mayAsk && asked === undefined && (
          <Button size="small" loading={act.isPending} onClick={() => void go("ask")}>
            {t("break.ask")}
          </Button>
        )}
        {mayApprove && asked !== undefined && asked.by !== me.name && (
          <Button size="small" danger loading={act.isPending} onClick={() => void go("approve")}>
            {t("break.approve")}
          </Button>
        )}
      </Flex>
      <Problem error={act.error} />
    </Flex>
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
  const { head, intact, findings, more, upTo, outside, accepted, breaks } = told;
  const signed = head === undefined ? t("chain.unsigned") : t("chain.at", { at: head.at.slice(0, 19).replace("T", " "), key: head.key });
  return (
    <Alert
      role={intact ? "status" : "alert"}
      type={!intact ? "error" : outside === "missing" || accepted.length > 0 ? "warning" : "success"}
      showIcon
      action={again}
      style={{ marginBottom: 12 }}
      title={intact ? t("chain.intact", { n: upTo, head: head?.n ?? "0" }) : t("chain.broken", { n: findings.length + more })}
      description={
        <>
          {!intact && <Findings told={told} />}
          {breaks.map((one) => (
            <Break key={one.hash} broken={one} />
          ))}
          {accepted.map((one) => (
            <Typography.Paragraph key={one.hash} style={{ marginBottom: 4 }}>
              {inLanguage(one)}
            </Typography.Paragraph>
          ))}
          <Typography.Text>
            {signed} · {t(`chain.outside.${outside}`)}
          </Typography.Text>
        </>
      }
    />
  );
}
