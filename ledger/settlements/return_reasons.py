"""Why a payout came back: a public code with our own words. A bank's words may name a person.

The codes are those of ISO 20022, External Code Sets (return and status reasons), and three of ours.
`payout_steps.reason` stores the bank's code and words; only finance and auditors read the words.
"""

import re
from typing import Literal

REFUSED_WITHOUT_REASON = "refused_without_reason"
RETURNED_WITHOUT_REASON = "returned_without_reason"
RETURNED_BY_BANK = "returned_by_bank"  # the bank gave words, but no code that we know

_TEXTS: dict[str, tuple[str, str]] = {
    REFUSED_WITHOUT_REASON: ("refused without a reason", "被拒绝，没有说明原因"),
    RETURNED_WITHOUT_REASON: ("came back without a reason", "被退回，没有说明原因"),
    RETURNED_BY_BANK: ("the bank returned the money", "银行退回了款项"),
    "AC01": ("the account number is incorrect", "收款账号有误"),
    "AC02": ("the payer's account number is invalid", "付款账号无效"),
    "AC03": ("the account number is invalid", "收款账号无效"),
    "AC04": ("the account is closed", "收款账户已销户"),
    "AC05": ("the payer's account is closed", "付款账户已销户"),
    "AC06": ("the account is blocked", "收款账户被冻结"),
    "AC07": ("the account is closed", "收款账户已销户"),
    "AC13": ("the kind of account does not fit", "账户类型不符"),
    "AC14": ("the kind of account does not fit", "账户类型不符"),
    "AC15": ("the account's details have changed", "账户信息已变更"),
    "AC16": ("the account cannot be used now", "账户暂时不可用"),
    "AG01": ("the account does not take such payments", "该账户不接受此类付款"),
    "AG02": ("the bank does not know this kind of payment", "银行不支持此类交易"),
    "AG03": ("the account does not support this kind of payment", "该账户不支持此类交易"),
    "AM01": ("the amount is zero", "金额为零"),
    "AM02": ("the amount is above the limit", "金额超过限额"),
    "AM03": ("the currency is not accepted", "不接受该币种"),
    "AM04": ("the payer's account lacked the money", "付款账户余额不足"),
    "AM05": ("the bank took it for a duplicate", "银行认为是重复付款"),
    "AM06": ("the amount is below the minimum", "金额低于下限"),
    "AM07": ("the money is blocked", "款项被冻结"),
    "AM09": ("the amount is wrong", "金额有误"),
    "AM10": ("the sums of the message do not agree", "报文合计金额不符"),
    "AM12": ("the amount is invalid", "金额无效"),
    "AM13": ("the amount is above the clearing system's limit", "金额超过清算系统限额"),
    "AM14": ("the amount is above the limit agreed with the bank", "金额超过与银行约定的限额"),
    "BE01": ("the name does not fit the account", "户名与账号不符"),
    "BE04": ("the payee's address is missing or wrong", "收款人地址缺失或有误"),
    "BE05": ("the bank does not know the payer", "银行无法识别付款发起人"),
    "BE06": ("the bank does not know the payee", "银行查无此收款人"),
    "BE07": ("the payer's address is missing or wrong", "付款人地址缺失或有误"),
    "BE08": ("the name is missing or wrong", "户名缺失或有误"),
    "CNOR": ("the payee's bank does not take part in this clearing", "收款银行未加入该清算系统"),
    "CURR": ("the currency is wrong", "币种有误"),
    "CUST": ("the sender asked for the money back", "应付款方要求退回"),
    "DNOR": ("the payer's bank does not take part in this clearing", "付款银行未加入该清算系统"),
    "DT01": ("the date is invalid", "日期无效"),
    "DUPL": ("the bank took it for a duplicate", "银行认为是重复付款"),
    "ED05": ("the settlement between the banks failed", "银行间结算失败"),
    "FF01": ("the message's format is invalid", "报文格式无效"),
    "FF05": ("the kind of transfer is invalid", "转账种类无效"),
    "FOCR": ("returned after a request to cancel", "应撤销请求退回"),
    "FR01": ("the bank suspects fraud", "银行怀疑存在欺诈"),
    "FRAD": ("the bank suspects fraud", "银行怀疑存在欺诈"),
    "LEGL": ("returned for a legal reason", "因法律原因退回"),
    "MD01": ("no mandate exists", "没有授权"),
    "MD06": ("the payee asked for it to be returned", "收款方要求退回"),
    "MD07": ("the account's holder cannot receive the money any more", "账户持有人已无法收款"),
    "MS02": ("the payee's side refused without a reason", "收款方拒收，未说明原因"),
    "MS03": ("the bank returned it without a reason", "银行退回，未说明原因"),
    "NARR": ("the bank gave its reason to the payer only", "银行仅向付款方说明了原因"),
    "NOAS": ("the payee did not answer", "收款方未答复"),
    "NOCM": ("the payee's bank must not take it", "收款银行按规定不能接受"),
    "NOOR": ("the bank did not receive the payment that it refers to", "银行未收到原付款"),
    "RC01": ("the bank's identifier is incorrect", "银行代码有误"),
    "RC03": ("the payer's bank is not identified", "付款银行代码无效"),
    "RC04": ("the payee's bank is not identified", "收款银行代码无效"),
    "RC07": ("the bank's BIC is incorrect", "银行 BIC 有误"),
    "RR01": ("the law asks for the payer's account", "监管要求提供付款账号"),
    "RR02": ("the law asks for the payer's name or address", "监管要求提供付款人名称或地址"),
    "RR03": ("the law asks for the payee's name or address", "监管要求提供收款人名称或地址"),
    "RR04": ("returned for a regulatory reason", "因监管原因退回"),
    "SL01": ("a service of the payer's bank stopped it", "付款银行的服务拦截了该付款"),
    "SL02": ("a service of the payee's bank stopped it", "收款银行的服务拦截了该付款"),
    "SVNR": ("the service was not provided", "未提供该服务"),
    "TECH": ("returned for a technical reason", "因技术原因退回"),
    "TM01": ("the bank received it too late", "银行收到时已过截止时间"),
    "UPAY": ("the payment was not due", "该付款并非应付"),
}
# Rows of older releases have the sentence instead of our code.
_CODES_BY_SENTENCE = {_TEXTS[code][0]: code for code in (REFUSED_WITHOUT_REASON, RETURNED_WITHOUT_REASON)}
_LANGUAGES = ("en", "zh")
_FIRST_WORD = re.compile(r"[^A-Za-z0-9]*([A-Za-z]{2}[0-9]{2}|[A-Z]{4})(?![A-Za-z0-9])")
_NUMBERED_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?![A-Za-z0-9])")


def public_reason(reason: str | None) -> str | None:
    """Return the public code of a stored reason; None without a reason. Pure.

    The code is the first word, or a code such as `AC04` among the bank's words. A word that is no
    known code is never returned: it may be a name.
    """
    if reason is None:
        return None
    code = _CODES_BY_SENTENCE.get(reason, reason)
    if code in _TEXTS:
        return code
    first = _FIRST_WORD.match(reason)
    candidates = [first[1].upper() if first else "", *_NUMBERED_CODE.findall(reason)]
    return next((code for code in candidates if code in _TEXTS), RETURNED_BY_BANK)


def reason_text(reason: str | None, language: Literal["en", "zh"] = "en") -> str | None:
    """Return our words for a reason that is a code, any other reason unchanged. Pure.

    Only for finance and auditors: an unchanged reason has a bank's words.
    """
    code = _CODES_BY_SENTENCE.get(reason or "", reason)
    return _TEXTS[code][_LANGUAGES.index(language)] if code in _TEXTS else reason


def public_reason_text(reason: str | None, language: Literal["en", "zh"] = "en") -> str | None:
    """Return our words for a stored reason; None without a reason. Pure."""
    return reason_text(public_reason(reason), language)
