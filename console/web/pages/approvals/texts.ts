import { addTexts } from "../../texts/index.ts";

addTexts("approvals", {
  title: ["待复核", "Approvals"],
  told: [
    "以下事项须第二人复核后才会生效。打开后可看到所复核的确切内容；自己提出的不能自己复核。",
    "These take effect only when a second person approves them. Open one to see exactly what is approved; nobody approves his own.",
  ],
  empty: ["没有待复核的事项。", "Nothing waits for approval."],
  "col.kind": ["事项", "What"],
  "kind.replay": ["重放任务", "Replay job"],
  "kind.edit": ["修改后重放", "Edited copy"],
  "col.by": ["提出人", "Asked by"],
  "col.reason": ["原因", "Reason"],
  "col.amount": ["笔数与金额", "Items and money"],
  "col.why": ["为何须两人", "Why two people"],
  "why.edit": ["修改了已登记的内容", "what was owed is changed"],
  "col.waiting": ["已等待", "Waits for"],
  "col.do": ["操作", "Do"],
  open: ["打开复核", "Open to approve"],
  own: ["自己提出的，须另一人复核", "Your own: another person must approve it"],
  items: ["{{n}} 项", "{{n}} items"],
  link: ["复制给同事的链接", "Copy a link for a colleague"],
});
