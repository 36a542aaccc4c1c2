<?php
// PHP's SoapClient against Huiliu's WSDL: soap-client.php <wsdl> <user> <key> <soap11|soap12> <kind> < message. Prints one JSON line.
[, $wsdl, $user, $key, $version, $kind] = $argv;
$client = new SoapClient($wsdl, [
    'login' => $user,
    'password' => $key,
    'soap_version' => $version === 'soap12' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'connection_timeout' => 5,
]);
try {
    $answer = $client->Push(['xml' => stream_get_contents(STDIN), 'kind' => $kind]);
    echo json_encode(['result' => $answer->PushResult], JSON_UNESCAPED_UNICODE), "\n";
} catch (SoapFault $fault) {
    $detail = isset($fault->detail) ? json_encode($fault->detail, JSON_UNESCAPED_UNICODE) : '';
    echo json_encode(['fault' => $fault->faultcode, 'message' => $fault->getMessage(), 'detail' => $detail], JSON_UNESCAPED_UNICODE), "\n";
}
