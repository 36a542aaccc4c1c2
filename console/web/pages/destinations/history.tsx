/** What became of a profile: every change with its reason and differences, and the way back to a version. */
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Done, Page as PageOf } from "../../../../domain/operations/views.ts";
import type { DestinationProfile, ProfileChange } from "../../../../domain/operations/views-lanes.ts";
import { get, post } from "../../api/client.ts";
import { useMay } from "../../api/me.ts";
import { useAskReason } from "../../parts/ask-reason.tsx";
import { DeedResult, useDeeds } from "../../parts/deed.tsx";
import { Moment } from "../../parts/moment.tsx";
import { NotNow } from "../../parts/not-now.tsx";
import { Problem } from "../../parts/problem.tsx";
import { Differences } from "./differences.tsx";
import "../replays/texts.ts";

const PAGE_ROWS = "20";

export function History({ destination }: { readonly destination: string }) {
  const { t } = useTranslation("destinations");
  const { t: r } = useTranslation("replays");
  const [after, setAfter] = useState<string>();
  const deeds = useDeeds(["/destinations"]);
  const ask = useAskReason();
  const may = useMay("profile");
  const own = `/destinations/${destination}`;
  const path = `${own}/history`;
  const query = { limit: PAGE_ROWS, ...(after === undefined ? {} : { after }) };
  const profile = useQuery({ queryKey: [own], queryFn: () => get<DestinationProfile>(own) });
  const history = useQuery({ queryKey: [path, query], queryFn: () => get<PageOf<ProfileChange>>(path, query) });
  const version = profile.data?.version;
  const newest = after === undefined ? history.data?.items[0]?.version : undefined;

  const revert = async (to: number): Promise<void> => {
    if (version === undefined) return;
    const fields = <Alert type="warning" showIcon title={t("history.revert.told", { v: to })} style={{ marginBottom: 12 }} />;
    const reason = await ask({
      title: t("history.revert.title", { name: destination, v: to }),
      fields,
      confirm: t("history.revert").replace("…", ""),
    });
    if (reason === undefined) return;
    await deeds.act(
      () => post<Done>(`${own}/revert`, { reason, version, to }),
      () => t("history.revert.done"),
    );
  };
  return (
    <>
      <DeedResult deeds={deeds} />
      <Problem error={history.error ?? profile.error} />
      <Table<ProfileChange>
        rowKey="auditId"
        size="small"
        pagination={false}
        loading={history.isPending}
        dataSource={history.data?.items ?? []}
        expandable={{
          expandedRowRender: ({ changes }) => <Differences changes={changes} />,
          rowExpandable: ({ changes }) => changes.length > 0,
        }}
        columns={[
          { title: t("history.version"), dataIndex: "version", width: 90, align: "right" },
          { title: t("history.at"), width: 170, render: (_, { at }) => <Moment at={at} /> },
          { title: t("history.by"), dataIndex: "by", width: 130 },
          {
            title: t("history.action"),
            width: 140,
            render: (_, { action }) => t(`history.${action}` as "history.by", { defaultValue: action }),
          },
          { title: t("history.changes"), width: 90, align: "right", render: (_, { changes }) => changes.length },
          { title: t("history.reason"), dataIndex: "reason" },
          {
            title: t("col.do"),
            width: 160,
            render: (_, row) => (
              <NotNow
                size="small"
                why={may ? (row.version === newest ? t("history.present") : undefined) : r("no.right.profile")}
                onClick={() => void revert(row.version)}
              >
                {t("history.revert")}
              </NotNow>
            ),
          },
        ]}
      />
      <Flex justify="end" gap="small" style={{ marginTop: 8 }}>
        {after !== undefined && <Button onClick={() => setAfter(undefined)}>{t("first")}</Button>}
        {history.data?.after !== undefined && <Button onClick={() => setAfter(history.data?.after)}>{t("more")}</Button>}
      </Flex>
    </>
  );
}
