/** Why a private service cannot be had. Closed: every code has its two texts below. */
export type ServiceProblemCode =
  | "postgres-binaries-missing"
  | "postgres-no-user"
  | "service-did-not-start"
  | "broker-missing"
  | "cache-missing"
  | "data-folder-in-use"
  | "data-folder-unusable"
  | "state-file-damaged";

interface Text {
  readonly en: string;
  readonly zh: string;
}

const ADVICE = {
  broker:
    "Debian or Ubuntu: sudo apt-get install rabbitmq-server; macOS: brew install rabbitmq; Docker: docker run -d -p 127.0.0.1:5672:5672 rabbitmq:3; then, if it runs elsewhere, set HUILIU_AMQP_URL=amqp://user:password@host/vhost",
  cache:
    "Debian or Ubuntu: sudo apt-get install redis-server; macOS: brew install redis; Docker: docker run -d -p 127.0.0.1:6379:6379 redis:7; then, if it runs elsewhere, set HUILIU_REDIS_URL=redis://host:6379",
  database:
    "Docker: docker run -d -p 127.0.0.1:5432:5432 -e POSTGRES_PASSWORD=… postgres:18; then set HUILIU_POSTGRES_URL=postgres://user:password@host/database",
} as const;

const TEXTS: Record<ServiceProblemCode, (detail: string) => Text> = {
  "postgres-binaries-missing": (detail) => ({
    en: `PostgreSQL cannot be started here (${detail}). ${ADVICE.database}`,
    zh: `本机无法启动 PostgreSQL（${detail}）。${ADVICE.database}`,
  }),
  "postgres-no-user": (detail) => ({
    en: `PostgreSQL refuses to run as root and no other account could be used (${detail}). Run as an ordinary user, or: useradd --system postgres`,
    zh: `PostgreSQL 不能以 root 身份运行，也没有可用的其他账户（${detail}）。请改用普通用户运行，或执行：useradd --system postgres`,
  }),
  "service-did-not-start": (detail) => ({ en: `A private service did not start: ${detail}`, zh: `私有服务未能启动：${detail}` }),
  "broker-missing": (detail) => ({
    en: `RabbitMQ is not installed and could not be fetched (${detail}). ${ADVICE.broker}`,
    zh: `未安装 RabbitMQ，且无法自动获取（${detail}）。${ADVICE.broker}`,
  }),
  "cache-missing": (detail) => ({
    en: `Redis is not installed and could not be fetched (${detail}). ${ADVICE.cache}`,
    zh: `未安装 Redis，且无法自动获取（${detail}）。${ADVICE.cache}`,
  }),
  "data-folder-in-use": (detail) => ({
    en: `Another Huiliu is running on this data folder (${detail}). Stop it with Ctrl-C or kill, then start again`,
    zh: `此数据目录已有汇流实例在运行（${detail}）。请先用 Ctrl-C 或 kill 停止它，再重新启动`,
  }),
  "data-folder-unusable": (detail) => ({
    en: `The data folder cannot be made (${detail}). Give another one with --data or HUILIU_DATA_DIR, or make it and let this account write there`,
    zh: `无法创建数据目录（${detail}）。请用 --data 或 HUILIU_DATA_DIR 指定其他目录，或先建好并授予本账户写权限`,
  }),
  "state-file-damaged": (detail) => ({
    en: `${detail} is damaged: put it back from a backup. In development, npm start -- --fresh empties the whole data folder and makes everything new`,
    zh: `${detail} 已损坏：请从备份恢复。开发环境可用 npm start -- --fresh 清空整个数据目录后重建`,
  }),
};

/** A refusal of the set-up that a person can act on: one sentence in two languages, each naming the next step. */
export class ServiceProblem extends Error {
  readonly code: ServiceProblemCode;
  readonly zh: string;
  constructor(code: ServiceProblemCode, detail: string) {
    const text = TEXTS[code](detail);
    super(text.en);
    this.name = "ServiceProblem";
    this.code = code;
    this.zh = text.zh;
  }
}
