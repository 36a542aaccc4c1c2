/**
 * The words that packed texts are made of (packed.ts), the likeliest last: nearer is cheaper. Never to be changed: rows that are stored were written with them. New words
 * are a new dictionary under a new number.
 */

/** Events: their envelope and the data of each type, as JSON.stringify writes it. */
const EVENT_1 = [
  '"business":"registration","deposit","discharge","checkup","retail","meal","parking","inpatient","emergency","kiosk","clinic","mobile"',
  '"channel":"alipay","unionpay","cash","card","missing":["patient.name","visit.kind","business","scene"],"refundNo":"","refundedAt":"',
  '"type":"statement.received","charge.cancelled","cancelNo":"","reason":"type":"charge.posted","chargeNo":"","payer":"self","insured"',
  '"lines":[{"no":"1","code":"","name":"","category":"","spec":"","unit":"","quantity":"1","price":"","amount":""}],"department":"","doctor":{"no":"","name":""}',
  '"type":"insurance.reversed","type":"insurance.rejected","type":"insurance.settled","settlementNo":"","requestNo":"","covered":"","fund":"","account":"","cash":"","settledAt":"',
  '"type":"message.parked","messageId":"","door":"amqp","code":"","zh":"","en":"","advice":{"type":"payment.refunded","source":"insurance","refundedOn":"',
  '"type":"writeback.resolved","resolution":"done-by-hand","reason":"type":"writeback.parked","unclear":"","insurance-result","refund-confirm","inquiry"',
  '{"specversion":"1.0","id":"","type":"writeback.acknowledged","source":"his","subject":"bill:","time":"2026-+08:00","datacontenttype":"application/json",',
  '"dataschema":"urn:huiliu:event:writeback.acknowledged:1","data":{"institution":{"code":"H001"},"test":false,"schemaVersion":1,"bills":[{"no":""}],"serials":[],',
  '"occurredAt":"2026-","businessDate":"2026-","missing":[],"writebackId":"01a2","key":"","destination":"his","kind":"payment-confirm",',
  '"cause":{"eventId":"","type":"payment.settled"},"lane":"bill:","attempts":1,"owedAt":"2026-","firstSentAt":"2026-","amount":{"sent":"","confirmed":""},',
  '"receipt":{"code":"0","text":"成功","partnerNo":"HIS"},"how":"reply","acknowledgedAt":"2026-+08:00"}}',
  '{"specversion":"1.0","id":"","type":"payment.settled","source":"his","subject":"bill:","time":"2026-+08:00","datacontenttype":"application/json",',
  '"dataschema":"urn:huiliu:event:payment.settled:1","data":{"schemaVersion":1,"institution":{"code":"H001","campus":"01"},"patient":{"no":"","numberSystem":"his","name":""},',
  '"visit":{"no":"","kind":"outpatient"},"business":"outpatient","scene":"window","operator":{"no":"U001","name":""},"occurredAt":"2026-+08:00","businessDate":"2026-",',
  '"bills":[{"no":"","amount":""}],"paymentNo":"","tenders":[{"channel":"wechat","amount":"","merchantNo":"","merchantOrderNo":"",',
  '"channelTransactionNo":"4200","paidAt":"2026-+08:00","channelDate":"2026-"}],"total":"","payable":"","receiptNo":"","serials":[],"test":false,"missing":[]}}',
].join("");

/** Write-backs' bodies and their replies, and what partners push: the words of XML, SOAP and JSON, and our own mappings' names. */
const WIRE_1 = [
  '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body></soap:Body></soap:Envelope>',
  '{"kind":"","key":"","billNo":"","visitNo":"","patientNo":"","serial":"","amountFen":"","billTotalFen":"","channel":"","transactionNo":"","at":"2026-',
  "<Action>settle</Action><Fund></Fund><Account></Account><Cash></Cash><SettledAt></SettledAt><OriginalSerial></OriginalSerial><PaymentNo></PaymentNo>",
  '<WriteBack kind="insurance-result" key="refund-confirm" key="',
  '<?xml version="1.0" encoding="GB18030"?><?xml version="1.0" encoding="UTF-8"?><Answer><Code>0</Code><Text>成功</Text><Key></Key><ReceiptNo>HIS0000</ReceiptNo>',
  "<Amount></Amount><Serial></Serial></Answer>",
  '<?xml version="1.0" encoding="UTF-8"?><WriteBack kind="payment-confirm" key=""><BillNo></BillNo><VisitNo></VisitNo><PatientNo></PatientNo><Serial></Serial>',
  "<Amount></Amount><BillTotal></BillTotal><Channel>WX</Channel><TransactionNo>4200</TransactionNo><At>2026-</At></WriteBack>",
].join("");

/** What partners push, as their examples under mappings/ write it: segments of HL7, JSON of the insurance platform and the pharmacy, XML of apps and of the HIS. */
const TOLD_1 = [
  "MSH|^~\\&|LIS|LAB|HPIE|PAY|2026||ORU^R01^ORU_R01||P|2.5.1|||AL|AL|CHN|\rPID|1||^^^HIS^PI||\rPV1|1|O|^^^01\rORC|NW|\rOBR|1|\rOBX|1|NM|",
  '{"infno":"","msgid":"H","mdtrtarea_admvs":"","insuplc_admdvs":"","recer_sys_code":"","inf_time":"2026-","fixmedins_code":"","opter":"","opter_name":"","sign_no":"","input":{"data":{',
  '"psn_no":"","mdtrt_cert_type":"02","mdtrt_id":"","chrg_bchno":"","acct_used_flag":"1","insutype":"310","med_type":"11","medfee_sumamt":"fulamt_ownpay_amt":"psn_setlway":"01",',
  '{"msgId":"","kind":"","sentAt":"2026-","hospital":"H001","patient":{"no":"","name":""},"visit":{"no":"","kind":"O"},"bill":"","totalFen":"","items":[{"no":"1","line":"1","code":"","name":"","quantity":"","fen":""}]}',
  "<REQ><HOS_ID><![CDATA[1001]]></HOS_ID><ORDER_ID><![CDATA[]]></ORDER_ID><SERIAL_NUM><![CDATA[]]></SERIAL_NUM><PAY_DATE><![CDATA[2026-]]></PAY_DATE><PAY_TIME><![CDATA[]]></PAY_TIME>",
  "<PAY_TOTAL_FEE><![CDATA[]]></PAY_TOTAL_FEE><PAY_CHANNEL_ID><![CDATA[]]></PAY_CHANNEL_ID><MERCHANT_ID><![CDATA[]]></MERCHANT_ID><OPERATOR_ID><![CDATA[]]></OPERATOR_ID></REQ>",
  '<Refund no="TK2026" payment="ZF2026" bill="DJ2026" paidOn="2026-" kind="refund"><RefundedAt>2026-</RefundedAt><Reason></Reason></Refund>',
  '<Charge no="CF2026" bill="DJ2026"><Payer>insured</Payer><Payer>self</Payer><ChargedAt>2026-</ChargedAt><Line source="" national="" category="" spec="" unit="" quantity="1" price="" dept="" doctor=""/></Charge>',
  '<?xml version="1.0" encoding="GBK"?><?xml version="1.0" encoding="UTF-8"?>\n<Message kind="charge"><Message kind="refund"><Message kind="payment"><Header><MessageId>HIS2026</MessageId><SentAt>2026-</SentAt>',
  '<Hospital code="H001" campus="01"/></Header><Payment no="ZF2026" bill="DJ2026"><Patient no="P" name=""/><Visit no="MZ2026" kind="O"/><Business>outpatient</Business><Scene>window</Scene>',
  '<Operator no="U001" name=""/><PaidAt>2026-</PaidAt><Status>1</Status><Tenders><Tender channel="WX" amount="" merchant="" order="" transaction="4200" paidAt="2026-"/></Tenders>',
  '<Payable></Payable><Total></Total><Lines><Line no="1" code="" name="" amount=""/><Line no="2" code="Y000" name="" amount=""/><Line no="3" code="</Lines><BillTotal></BillTotal><Receipt>FP2026</Receipt></Payment></Message>',
].join("");

export const EVENT_WORDS: Buffer = Buffer.from(EVENT_1, "utf8");
export const WIRE_WORDS: Buffer = Buffer.from(WIRE_1, "utf8");
export const TOLD_WORDS: Buffer = Buffer.from(TOLD_1, "utf8");
