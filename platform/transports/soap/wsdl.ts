/** WSDL 1.1 of a partner's SOAP door: document/literal wrapped, one port for each SOAP version, every parameter a string. Generated from the profile, so it cannot differ from what is taken. */
import type { SoapDoor } from "../../../domain/partners/doors/soap.ts";
import { escapeXml } from "./envelope.ts";

const TRANSPORT = "http://schemas.xmlsoap.org/soap/http";

function elements(door: SoapDoor): string {
  return door.operations
    .map(({ name, parameter, also = [] }) => {
      const parameters = [
        `<xs:element name="${parameter}" type="xs:string"/>`,
        ...also.map((one) => `<xs:element name="${one}" type="xs:string" minOccurs="0"/>`),
      ];
      return (
        `<xs:element name="${name}"><xs:complexType><xs:sequence>${parameters.join("")}</xs:sequence></xs:complexType></xs:element>` +
        `<xs:element name="${name}Response"><xs:complexType><xs:sequence><xs:element name="${name}Result" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>`
      );
    })
    .join("");
}

function binding(door: SoapDoor, prefix: "soap" | "soap12"): string {
  const suffix = prefix === "soap" ? "Soap" : "Soap12";
  const operations = door.operations.map(
    ({ name }) =>
      `<wsdl:operation name="${name}"><${prefix}:operation soapAction="${escapeXml(`${door.namespace}${door.namespace.endsWith("/") ? "" : "/"}${name}`)}" style="document"/>` +
      `<wsdl:input><${prefix}:body use="literal"/></wsdl:input><wsdl:output><${prefix}:body use="literal"/></wsdl:output></wsdl:operation>`,
  );
  return `<wsdl:binding name="${door.service}${suffix}" type="tns:${door.service}PortType"><${prefix}:binding transport="${TRANSPORT}" style="document"/>${operations.join("")}</wsdl:binding>`;
}

/** `address`: where the door is, as the caller reached it. */
export function wsdlOf(door: SoapDoor, address: string): string {
  const { service, namespace } = door;
  const messages = door.operations.map(
    ({ name }) =>
      `<wsdl:message name="${name}In"><wsdl:part name="parameters" element="tns:${name}"/></wsdl:message>` +
      `<wsdl:message name="${name}Out"><wsdl:part name="parameters" element="tns:${name}Response"/></wsdl:message>`,
  );
  const operations = door.operations.map(
    ({ name }) =>
      `<wsdl:operation name="${name}"><wsdl:input message="tns:${name}In"/><wsdl:output message="tns:${name}Out"/></wsdl:operation>`,
  );
  const at = escapeXml(address);
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:tns="${escapeXml(namespace)}" targetNamespace="${escapeXml(namespace)}" name="${service}">`,
    `<wsdl:types><xs:schema elementFormDefault="qualified" targetNamespace="${escapeXml(namespace)}">${elements(door)}</xs:schema></wsdl:types>`,
    ...messages,
    `<wsdl:portType name="${service}PortType">${operations.join("")}</wsdl:portType>`,
    binding(door, "soap"),
    binding(door, "soap12"),
    `<wsdl:service name="${service}"><wsdl:port name="${service}Soap" binding="tns:${service}Soap"><soap:address location="${at}"/></wsdl:port>`,
    `<wsdl:port name="${service}Soap12" binding="tns:${service}Soap12"><soap12:address location="${at}"/></wsdl:port></wsdl:service>`,
    "</wsdl:definitions>",
  ].join("\n");
}
