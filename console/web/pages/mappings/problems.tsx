/** What is wrong, each with its place in the document and in the message. */
import { Button, Table, type TableColumnsType, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { MappingProblem } from "../../../../domain/operations/views-mappings.ts";
import { inLanguage } from "../../texts/index.ts";
import { rangeOf } from "./places.ts";

interface Props {
  readonly problems: readonly MappingProblem[];
  readonly show: (problem: MappingProblem) => void;
  /** The document. */
  readonly text: string;
}

export function ProblemTable({ problems, show, text }: Props) {
  const { t } = useTranslation("mappings");
  const columns: TableColumnsType<MappingProblem> = [
    { title: t("problem.what"), render: (_value, one) => inLanguage(one) },
    {
      title: t("problem.place"),
      width: 170,
      render: (_value, one) => one.place !== "" && <Typography.Text code>{one.place}</Typography.Text>,
    },
    {
      title: t("problem.at"),
      width: 180,
      render: (_value, one) => {
        const line = rangeOf(text, one.at, one.place)?.line;
        return (
          <Button
            size="small"
            type="link"
            style={{ whiteSpace: "normal", height: "auto", textAlign: "start", padding: 0 }}
            title={t("problem.show")}
            onClick={() => show(one)}
          >
            {line === undefined ? "" : `${line}: `}
            {one.at === "" ? "/" : one.at}
          </Button>
        );
      },
    },
  ];
  return (
    <Table
      size="small"
      pagination={false}
      columns={columns}
      dataSource={[...problems]}
      rowKey={(one) => `${one.code} ${one.at} ${one.place} ${one.en}`}
      scroll={{ y: 320 }}
    />
  );
}
