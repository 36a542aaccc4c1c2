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

export const EVENT_WORDS: Buffer = Buffer.from(EVENT_1, "utf8");
export const WIRE_WORDS: Buffer = Buffer.from(WIRE_1, "utf8");
