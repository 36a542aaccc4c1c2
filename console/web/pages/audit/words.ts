/** What deeds and their targets are called. What is not here is shown by its own name: new areas bring new words. */
type Pair = readonly [zh: string, en: string];

export const ACTIONS: Readonly<Record<string, Pair>> = {
  replay: ["重放", "replayed"],
  "replay-edited": ["修改后重放", "replayed an edited copy"],
  resolve: ["了结", "closed by hand"],
  supersede: ["取代", "superseded"],
  preview: ["预览重放", "previewed a replay"],
  start: ["开始重放", "started a replay"],
  approve: ["复核通过", "approved"],
  pause: ["暂停", "paused"],
  resume: ["恢复", "resumed"],
  cancel: ["取消", "cancelled"],
  continue: ["继续", "went on"],
  refuse: ["拒绝执行", "refused to carry out"],
  drain: ["放行清空", "let it drain"],
  hold: ["冻结队列", "held a lane"],
  release: ["解冻队列", "released a lane"],
  unblock: ["疏通队列", "unblocked a lane"],
  skip: ["跳过队首", "skipped a lane's head"],
  unmask: ["查看个人信息", "saw personal data"],
  "propose-edit": ["提出修改稿", "proposed an edit"],
  "withdraw-edit": ["撤回修改稿", "withdrew an edit"],
  "seed-profile": ["载入伙伴档案", "took a profile from its file"],
  "set-profile": ["修改伙伴档案", "changed a profile"],
  own: ["认领", "took it on"],
  note: ["备注", "noted"],
  snooze: ["暂缓", "snoozed"],
  acknowledge: ["确认", "acknowledged"],
  drop: ["清理数据", "dropped a day"],
  park: ["停放", "parked"],
  republish: ["补发事件", "published again"],
  register: ["登记订阅方", "registered a subscriber"],
  remove: ["移除", "removed"],
  policy: ["修改保留期", "changed the retention"],
  export: ["导出", "exported"],
  example: ["存为样例", "saved an example"],
  "set-up": ["首次设置", "set it up"],
  "change-password": ["修改密码", "changed the password"],
  "reset-account": ["重置账号", "reset an account"],
  "end-sessions": ["结束会话", "ended sessions"],
  "use-recovery-code": ["使用恢复码", "used a recovery code"],
  "enable-account": ["启用账号", "enabled an account"],
  "disable-account": ["停用账号", "disabled an account"],
  "create-account": ["新建账号", "made an account"],
  "change-account": ["修改账号", "changed an account"],
  deploy: ["部署流程", "deployed flows"],
  "deploy-override": ["越过测试部署", "deployed past failing tests"],
};

export const TARGETS: Readonly<Record<string, Pair>> = {
  message: ["报文", "message"],
  "write-back": ["回写", "write-back"],
  "event-delivery": ["事件投递", "event delivery"],
  destination: ["目的地", "destination"],
  lane: ["队列", "lane"],
  alarm: ["告警", "alarm"],
  retention: ["数据保留", "retention"],
  "replay-job": ["重放任务", "replay job"],
  "failure-group": ["失败分组", "failure group"],
  subscriber: ["订阅方", "subscriber"],
  edit: ["修改稿", "edited copy"],
  account: ["账号", "account"],
  flow: ["流程", "flow"],
  mapping: ["映射", "mapping"],
  search: ["查找", "search"],
};

/** Where a target is shown; undefined: it has no page. */
export function placeOf(kind: string, id: string): string | undefined {
  const at: Readonly<Record<string, string>> = {
    message: "/messages/",
    "write-back": "/write-backs/",
    destination: "/destinations/",
    "replay-job": "/replays/",
    "failure-group": "/failures/",
  };
  const path = at[kind];
  return path === undefined ? undefined : `${path}${encodeURIComponent(id)}`;
}
