/** Where somebody is who is in the wrong place. */
import { Result } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { PageHead } from "../parts/page-head.tsx";

export function NotFound() {
  const { t } = useTranslation("frame");
  return (
    <>
      <PageHead title={t("lost.title")} />
      <Result status="404" title={t("lost.what")} extra={<Link to="/">{t("lost.home")}</Link>} />
    </>
  );
}

/** The page is there, the right is not. */
export function NoRight({ right }: { readonly right: string }) {
  const { t } = useTranslation("frame");
  return (
    <>
      <PageHead title={t("noRight.title")} />
      <Result
        status="403"
        title={t("noRight.what", { right: t(`right.${right}`) })}
        subTitle={t("noRight.next")}
        extra={<Link to="/">{t("lost.home")}</Link>}
      />
    </>
  );
}
