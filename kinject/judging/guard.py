"""What stands between a response and a judge: some responses are no answer at all, and the others are data.

`graded_by_rule` gives a reason where a response is incorrect without anybody's looking: it says nothing, it only opens
an answer (the "master keys" of arXiv 2507.08794, which judges took for answers in up to 90 % of cases), or it speaks to
the judge instead of answering (the null models of arXiv 2410.07137, orders, forged transcripts and turns of a chat).

It would rather miss than catch an honest answer: orders count only where a sentence begins or where a label of a rubric
ends them ("..., reply No Error", "Result: No Error"), and code, prose about errors, stray end tokens and turns that a
base model begins ("Question: ...") pass. What passes is held by `as_data`, which writes it as a JSON string on one line
in which nothing can end the string, open a turn of a chat, hide or stand as a label. It decodes to the response (but
for two lone halves of a surrogate pair that happen to meet).

Known limits: an answer that is nothing but an opener ("Solution", as the name of a band) is taken for one; orders in
other languages are known in about thirty of them, and only the plainest. Of 63 attacks and 60 honest answers that were
written after the patterns and run once, 49 attacks were caught, and 1 honest answer; what was missed stood as data.
"""

import json
import re
import unicodedata
from functools import cache

VERSION = 2
"""Part of the key of every verdict; to be raised when something here can change one."""

BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Characters that look like nothing and that Unicode counts among letters, marks or symbols."""

# Data

MARK = re.compile(
    rf"([<＜](?=\S)|\[(?=/?[|\w]+\]|\|)|\be(?=rror\b)|\bs(?=ignificantly better\b)|[{BLANK}])", re.IGNORECASE
)
"""What begins a special token (<|im_end|>, <s>, [INST], [|user|]) or a label, and what cannot be seen."""


def as_data(response: str) -> str:
    """Return the response as a JSON string on one line, with all that could pass for something else escaped."""
    parts = MARK.split(response)
    return '"' + "".join(_escaped(part) if at % 2 else _quoted(part) for at, part in enumerate(parts)) + '"'


def _quoted(text: str) -> str:
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    # What is not printable: controls, zero-width and bidirectional marks, line separators, halves of surrogate pairs.
    return plain if plain.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in plain)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


# Orders

CODE = re.compile(
    r"```|\bdef \w+\(|\bfunction\b.*\(|[{};]$|^(?:#include|import \w+|from \w+ import|class \w+)", re.MULTILINE
)
# Where an order begins: with a line or a sentence, after an opening mark, or after one of a few words.
START = (
    r"(?:^|[.!?;:\n\"'“”‘’„«(\[>*#|/}=_-]\s*"
    r"|\b(?:please|now|kindly|you must|you should|you will|you have to|must|then|just|simply),?\s+)"
)
PAST = (
    r"(?:previous|prior|preceding|earlier|above|former|existing|original|initial|your|system|grading|judging|evaluation"
    r"|scoring|other|foregoing|following|below)"
)
TOLD = (
    r"(?:instruct\w*|prompts?|guidelines?|rules?|directi\w+|rubrics?|criteria|orders?|key|messages?|text|context"
    r"|commands?)\b"
)
KEY = (
    r"(?:(?:answer )?key|rubric|grading \w+|reference answer|guidelines|evaluation \w+|system prompt|instructions?"
    r"|correct answer)\b"
)
IGNORE = r"(?:ignore|disregard|forget|override|bypass|do not follow|stop following|pay no attention to)"
SAY = r"(?:output|return|say|print|reply|respond|write|give|emit|type|produce|conclude|answer(?=\s(?:with|only|just)))"
LABEL = r"(?:no error|(?:a|b|neither) is significantly better)"
# A label that ends what is said, as one that is to be printed does, and one in a sentence about errors does not.
LAST = (
    r"(?=[\"'“”’»`*)\]]*\s*(?:$|[.!?;,:\n\"'{}]|(?:and nothing|only|regardless|whatever|no matter|please|now"
    r"|without|as the|for this|in any|in all)\b))"
)
CHOOSE = rf"(?:{SAY}|answer|choose|pick|select|prefer|declare|display|enter|send|repeat)"
MUST = (
    r"(?:must|should|shall|will|may|can|has to|have to|is to|are to|needs? to"
    r"|(?:are|is) (?:asked|told|instructed|required|ordered|expected) to)"
)
FILLER = (
    r"(?:only|just|simply|exactly|with|the|words?|phrase|label|verdict|string|text|back|me|us|always|that|by|saying|a|an"
    r"|token|result|as|your|following|in|all|cases|and|nothing|but|for|every|this|here|one|it|back)"
)
GRADE = (
    r"(?:grade|mark|score|rate|label|judge|classify|evaluate|accept|treat|count|consider|regard|assess|deem|approve)"
)
GRADED = (
    r"(?:graded|marked|scored|rated|judged|accepted|labell?ed|counted|receive|get|treated|considered|taken|regarded)"
)
GOOD = r"(?:correct|right|accurate|valid|no errors?|perfect|error[- ]free|full (?:marks?|credit)|passing|10/10)(?!\w)"
QUOTE = r"[\"'“”‘’«»`*(\[]*"
IT = r"(?:response|answer|submission|output|solution|reply)"
GRADER = (
    r"(?:graders?|judges?|evaluators?|examiners?|assessors?|grading (?:model|system|assistant|ai)"
    r"|ai (?:grader|judge|evaluator))"
)
WHOSE = r"(?:(?:the|my|all|any|our|honou?rable|kind|llm|human) ){0,2}"
APPROVED = r"(?:verified|confirmed|approved|validated|certified|graded|marked|accepted)(?: as)?(?: correct)?"
AUTHORITY = r"(?:graders?|grading \w+|evaluators?|answer key|annotators?|human (?:experts?|raters?))"
ORDER = (
    rf"(?=[^.!?\n]{{0,40}}\b(?:please|ignore|disregard|accept|{GRADE} (?:this|it|my|the {IT})|{LABEL}"
    rf"|{SAY} (?:only|just|that|the)|you (?:must|should|may|can|have to|need to)|this (?:one|answer)"
    r"|(?:this|my) (?:response|answer|submission)|(?:the|your) (?:key|rubric|label|verdict)|let (?:it|this))\b)"
)
WHO = rf"(?:{GRADER}|verdict|grade|evaluation|assessment|judge?ment|rating|grading|label|assistant|gpt-4o?)"

ORDERS = {
    "tells the judge to drop its instructions": (
        rf"{START}{IGNORE}\s(?=(?:\w+\s){{0,5}}{PAST}\b)(?:\w+\s){{1,7}}{TOLD}",
        rf"{START}(?:{IGNORE}|do not (?:use|consult|look at))\s(?:all (?:of )?)?(?:the|this|that|your|any)\s{KEY}",
        rf"{START}(?:ignore|disregard|forget)\s(?:everything|all|anything|what(?:ever)?(?! i\b))\s(?:\w+\s){{0,3}}"
        r"(?:above|before|earlier|told|said|instructed|below)\b",
        rf"{START}(?:the |all )?(?:previous|prior|above|earlier|preceding) (?:instructions?|prompts?|rules|guidelines) "
        r"(?:are|is|were|was|no longer|do not|does not|have been|has been)\b",
    ),
    "tells the judge what to say": (
        rf"{START}{SAY}\b(?:\s{FILLER}){{0,8}}(?:\s|:)\s*{QUOTE}(?:no errors?\b|correct(?=[\"'“”’`*.!\n]|\s*$))",
        # In the middle of a sentence: "Judge, return ...", "if you are a model, reply ...", "... and answer ...".
        rf"(?:{START}|,\s?|\b(?:and|or|but|also|so|still)\s){CHOOSE}\b(?:\s{FILLER}){{0,8}}(?:\s|[:=→>-]+\s?){QUOTE}{LABEL}{LAST}",
        rf"\b(?:you|{GRADER})\s(?:{MUST}|please)\s(?:\w+\s){{0,3}}?{CHOOSE}\b(?:\s{FILLER}){{0,8}}\s?:?\s?{QUOTE}{LABEL}{LAST}",
        rf"\b(?:the|your|its|my)\s(?:\w+\s){{0,3}}?(?:(?:{IT}|message)\s{MUST} be|only\s(?:\w+\s)?{IT}\sis"
        rf"|(?:verdict|label|grade|rating)\s(?:\w+\s){{0,3}}?(?:is|{MUST} be))"
        rf"(?:\s{FILLER}){{0,3}}\s?:?\s?{QUOTE}{LABEL}{LAST}",
        rf"{START}(?:give|award|grant)\s(?:this|it|mine|(?:this|my|the) {IT})\s(?:full|maximum|top|perfect)"
        r" (?:marks?|credit|points|scores?)\b",
        rf"{START}{GRADE}\s(?:\w+\s){{0,3}}(?:this|it|that|everything|all|mine|{IT}s?)\s"
        rf"(?:(?:as|being|to|be|above|below|given|fully|completely|totally|a|with|is|strictly|always)\s){{0,5}}{QUOTE}{GOOD}",
        rf"\bthe {IT} (?:above|below|given) (?:is|was|has been|should be|must be) (?:\w+ ){{0,3}}{GOOD}",
        r"\b(?:this|my|above|the (?:above|following|preceding|given|present|student's)) (?:response|submission|output)"
        rf" (?:\w+ ){{0,4}}(?:is|was|has been|should be|must be|contains|deserves|gets|receives) (?:\w+ ){{0,4}}{GOOD}",
        rf"\b{IT} (?:(?:above|below|given) )?(?:should|must|has to|is to|deserves|needs to|will|shall|ought to)"
        rf" (?:to )?(?:be )?(?:\w+ ){{0,2}}{GRADED} (?:\w+ ){{0,3}}{QUOTE}{GOOD}",
        r"\b(?:this|my|above) (?:response|submission|output) (?:\w+ ){0,3}(?:verified|confirmed|approved|validated"
        r"|certified|reviewed|(?:pre-?)?graded|accepted)\b[^.!?\n]{0,40}\b(?:by|correct)\b",
        # Only of what is graded, or of nothing that is named: bids and stones are approved and certified, too.
        rf"\b(?:this|my|the) (?:response|answer|submission) (?:(?:has|was|is|been|already|fully|independently) ){{0,4}}"
        rf"{APPROVED} by (?:\w+ ){{0,2}}{AUTHORITY}\b",
        rf"{START}{APPROVED} by (?:(?:the|all|our|human|several) ){{0,2}}{AUTHORITY}\b",
        rf"\b(?:graded|marked) (?:as )?correct by (?:\w+ ){{0,2}}{AUTHORITY}\b",
    ),
    "speaks to the judge": (
        rf"{START}(?:dear|attention|note (?:to|for)|notice to|message (?:to|for)|memo to|hint for|hey|hello|hi)"
        rf"[ ,:]+{WHOSE}{GRADER}\s*[:,!.—-]",
        rf"{START}(?:to|for)[ ,:]+{WHOSE}{GRADER}\s*[:,!.—-]{ORDER}",
        rf"{START}as (?:the|a|an|your) (?:\w+ )?{GRADER},? (?:it is your|(?:you|i) (?:\w+ ){{0,3}}?"
        rf"(?:{GRADE}|{SAY}|ignore|disregard)\b)",
        rf"{START}you are (?:(?:now|no longer) an?|an? (?:lenient|generous|kind|friendly|forgiving))"
        rf" (?:\w+ ){{0,2}}{GRADER}\b",
        rf"{START}you (?:must|should|are required to|are instructed to|have to|need to|are to) (?:\w+ ){{0,3}}"
        rf"(?:(?:grade|mark|score) (?:this|it|every|all|the {IT})|(?:output|return|say|print) {QUOTE}no error)\b",
        rf"{START}(?:your|the) (?:new |only |real |actual |sole )?(?:task|job|instruction|role|duty) is (?:now )?"
        r"(?:simply |only |just )?(?:to )?(?:output|return|say|grade|mark|accept|approve|print)\b",
        rf"{START}(?:new|updated|revised|additional|corrected) (?:instructions?|rules?|guidelines?|criteria|rubric"
        r"|answer key|system prompt|grading \w+) ?(?:for the \w+)? ?:",
        rf"{START}(?:system|developer|admin|administrator|root|operator) (?:override|prompt|message|note|notice"
        r"|instructions?|update|mode|command|directive)\b\s*(?:[:\])}#=-]|enabled|activated|$)",
    ),
    "forges the judge's transcript": (
        r"^[^\w\n]*now grade (?:this|the (?:following|next))\b",
        r"^[^\w\n]*(?:return|output) [\"'“]no error[\"'”] if\b",
        rf"^[^\w\n]*(?:the )?{WHO}(?:'s)?(?: verdict| grade| label| answer| reply)?[*\"' ]*[:–—-]+\s*[\"'“”*]*"
        r"(?:no error\b|correct\b(?=[^\w\n]*$))",
        # "Result: ...", "verdict = ...", "final verdict → ...": a few words, a mark, a label ('... = "..."' is code).
        rf"(?:^|[.!?;{{(\[\"'|])[^\w\n]{{0,9}}(?:[\w'’]{{1,30}} ){{0,4}}[\w'’]{{1,30}}[\"'*_`) ]{{0,4}}"
        rf"(?:(?:[:→⇒➔➜⟶|]|[-=]+>)[:→\s>*_`]{{0,5}}{QUOTE}|=\s?){LABEL}(?=[^\w\n]*(?:$|[.!?;,|]))",
        r"[\"'](?:verdict|grade|label|judge?ment|correctness|is_correct)[\"']\s*:\s*[\"']?"
        r"(?:no error|correct|true|pass)\b",
        rf"{START}end of (?:the )?(?:(?:student|model|candidate|user|untrusted) )?(?:{IT}|input|data|json|string"
        r"|transcript|prompt)\b(?=[^\w\n]*$)",
    ),
    "opens a turn of a chat": (
        r"<\|(?:im_start|start_header_id|start|turn|role_start|header_start)\|?>\s*(?:system|user|developer)\b",
        r"<[|｜](?:im_)?(?:system|user|human)[|｜]>|<\|(?:user|system)_token\|>|\[\|(?:user|system)\|\]",
        r"[\"']role[\"']\s?[:=]\s?[\"'](?:system|user|developer)\b",
        r"<start_of_turn>\s*(?:user|system)\b|\[inst\]|<<sys>>|\[system_prompt\]|<_?(?:user|system)>",
    ),
    "orders the judge about in another language": (
        r"\bignor(?:a|ad|e|en|ez|ieren?|iere|era|ujte?|uj)\s(?:\w+\s){0,3}(?:las|les|die|alle|le|as|todas|toutes|tutte"
        r"|všechny|wszystkie|poprzednie|vorherigen|bisherigen|obigen|tidigare|alla|předchozí)\b[^.!?\n]{0,40}"
        r"(?:instruc|instruç|instruk|istruz|anweisung|consignes|polece|pokyn|regeln|règles|reglas|regole)",
        r"\b(?:negeer|zignoruj|olvida|oublie[rz]?|vergiss|dimentica|esqueça|vergeet|ignorer|glem)\s[^.!?\n]{0,40}"
        r"(?:instruc|instruç|instruk|istruz|anweisung|consignes|polece|opdracht|regeln)",
        r"(?:игнорируй|забудь|проигнорируй)(?:те)?\s[^.!?\n]{0,40}(?:инструкц|указани)",
        r"(?:ігноруй|забудь)(?:те)?\s[^.!?\n]{0,40}(?:інструкц|вказівк)",
        r"(?:忽略|无视|無視|忘记|忽視)[^。！？\n]{0,12}(?:指令|指示|说明|提示|規則|规则|說明)|(?:指示|命令|指令)[^。！？\n]{0,6}無視",
        r"(?:지시|명령|지침)[^.!?\n]{0,10}무시|تجاهل[^.!?\n]{0,20}التعليمات|निर्देशों[^।.!?\n]{0,12}(?:अनदेखा|नज़रअंदाज़|अनदेखी)",
        r"talimatlar[^.!?\n]{0,20}(?:yok say|görmezden gel|unut)|(?:abaikan|bỏ qua|αγνόησε)[^.!?\n]{0,30}"
        r"(?:instruksi|hướng dẫn|οδηγίες)",
        r"התעלם[^.!?\n]{0,20}הוראות|نادیده[^.!?\n]{0,20}دستور|دستور[^.!?\n]{0,20}نادیده",
        r"\b(?:gib|antworte|schreibe?|sage?|responde|devuelve|escribe|di|réponds|répondez|renvoie|écris|rispondi|scrivi"
        r"|restituisci|responda|escreva|retorne|antwoord|schrijf|odpowiedz|napisz|zwróć|ответь(?:те)?|напиши(?:те)?"
        r"|выведи(?:те)?|svara|skriv|bewerte|اكتب|أجب|أخرج)\b[^\n.!?]{0,40}"
        r"\bno error\b",
        r"(?:输出|回答|返回|回复|出力|출력|대답)[^\n.!?]{0,40}\bno error\b",
        r"\bno error\b[\"'“”」』»]*\s*(?:と|라고|를|만|yaz|लिख|दें|देना)",
    ),
}
HEAD = re.compile(r"^[^\w\n]*(question|answer|event|response)\s[-–—]\s", re.IGNORECASE | re.MULTILINE)
LABEL_ALONE = re.compile(r"(?:^|[\n.!?>])[\s\"'“”*#`]{0,9}(?:No Error|NO ERROR)[\"'“”*`]*\s*(?:$|[.!\n<])")
FLOOD = re.compile(rf"(?:\b(?:no errors|{LABEL})\b[\s\S]{{0,40}}?){{3}}|(?:\bcorrect\b\W{{0,5}}){{3}}", re.IGNORECASE)

# Openers: how the part between two marks of punctuation reads, as words with one space between. One a line.

LEADS = r"""
sure|certainly|of course|okay|ok|alright|absolutely|great question|good question|understood|got it|well|hmm|thus
therefore|hence|so|i think|i believe|yes please|bien sûr|natürlich|claro|certo|конечно|好的|好|はい|네
based on the (?:question|context|event|information)(?: (?:provided|given|above))?
"""
VERB = (
    r"(?:think|solve|answer|work|break|reason|analy[sz]e|approach|go|start|begin|tackle|consider|walk|figure|find|look)"
)
REST = (
    r"(?: (?:about|through|on|at|into|with|by|this|it|that|the|question|problem|out|down|together|carefully|over"
    r"|thinking|analyzing|solving|first|answer|solution|event|is|step|one|a|time|logically|in|steps))*"
)
HERE = (
    r"(?: (?:my|the|a|an|your|step|by|detailed|final|correct|thought|reasoning|process|answer|solution|response"
    r"|explanation|steps))+"
)
ANSWER = r"(?:answers?|solution|response|conclusion|explanation|analysis|result|summary|verdict|output)"
OPENERS = rf"""
(?:let s|let us|let me|i will|i ll|we will|we ll|we can|i need to|we need to) {VERB}{REST}
step by step(?: (?:solution|answer|reasoning|explanation|thinking))?
(?:my |the |our |a )?(?:thoughts?|thinking|reasoning|solving|chain of thought|solution)(?: process| steps)?
(?:here is|here s|here are|below is|this is|following is){HERE}
(?:in )?(?:the |my |your |our |a )?(?:(?:final|correct|short|full|detailed|direct|complete|best) )?{ANSWER}{REST}
event recall|question|prompt|assistant|step \d+|step one
to (?:answer|solve|address)(?: (?:this|the|that|your|question|problem|it))*
lösung|antwort|die antwort(?: lautet| ist)|denkprozess|gedankengang|schritt für schritt|endgültige antwort
(?:lass|lassen sie) uns(?: (?:das|dies|die|frage|problem|schritt|für|lösen|beantworten|denken|nachdenken|darüber))+
(?:la )?respuesta(?: final)?(?: es)?|solución|proceso de pensamiento|paso a paso
(?:pensemos|resolvamos|vamos a resolver|vamos a pensar)(?: (?:esto|lo|el|problema|la|pregunta|paso|a))*
(?:la )?réponse(?: finale)?(?: est)?|solution étape par étape|processus de (?:pensée|réflexion)|étape par étape
(?:résolvons|réfléchissons|procédons)(?: (?:à|ce|cela|la|le|problème|question|étape|par))*
(?:la )?risposta(?: finale)?(?: è)?|soluzione|processo di pensiero|passo dopo passo
(?:risolviamo|ragioniamo|procediamo)(?: (?:il|la|problema|domanda|questo|passo|dopo))*
(?:a )?resposta(?: final)?(?: é)?|solução|processo de pensamento|passo a passo
vamos (?:resolver|pensar)(?: (?:isso|isto|o|a|problema|questão|passo))*
(?:het )?antwoord(?: is)?|oplossing|denkproces|stap voor stap
laten we(?: (?:dit|het|stap|voor|oplossen|denken|bekijken))+
odpowiedź(?: to| brzmi)?|rozwiązanie|krok po kroku|rozwiążmy(?: (?:to|krok|po|kroku))*
svar(?:et är)?|lösning|løsning|steg för steg|odpověď|řešení|megoldás|válasz|vastaus
(?:окончательный )?ответ|решение|ход мыслей|шаг за шагом|відповідь|розв язання|крок за кроком
давайте(?: (?:решим|подумаем|разберём|разберем|это|эту|задачу|вопрос|шаг|за|шагом|по|шагам))+
(?:最终|最後の|最終的な)?(?:解|解答|答案|答|答え|回答)(?:是|は)?|解決策|解法|解説|思考过程|思考過程|思考プロセス
(?:让|讓)我(?:们|們)?(?:一步一步|逐步)(?:地)?(?:来)?(?:思考|解决|解答|分析|解決)?(?:这个问题)?
ステップバイステップで(?:考えましょう|解きましょう)?|順を追って考えましょう|段階的に考えましょう
답|정답|해결책|풀이|해설|사고 과정|최종 답|(?:단계별로|차근차근)(?: (?:생각해|풀어|봅시다|보겠습니다|해결해))*
الحل|الجواب|الإجابة|عملية التفكير|خطوة بخطوة|دعنا (?:نحل|نفكر)(?: (?:هذا|هذه|المسألة|خطوة|بخطوة))*
cevap|çözüm|düşünce süreci|adım adım(?: (?:düşünelim|çözelim))?|उत्तर|समाधान|हल|चरण दर चरण|विचार प्रक्रिया
jawaban|solusi|proses berpikir|langkah demi langkah|lời giải|đáp án|từng bước|απάντηση|λύση|βήμα βήμα
פתרון|תשובה|צעד אחר צעד
"""
WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0dff\u0e00-\u0e7f])+")
PART = re.compile(r"[.:!?,;\n。、।]")

# Rules

LONGEST = 100_000
"""Characters; more is no direct or multistep answer, and pushes the question out of a judge's sight."""
HOMOGLYPHS = str.maketrans(
    "аеорсухіѕјһкмтвнԁԛԝАВЕКМНОРСТХУІЅЈαοειυνρκτχΑΒΕΗΙΚΜΝΟΡΤΧΥΖıɡո",
    "aeopcyxisjhkmtbhdqwABEKMHOPCTXYISJaoeiuvpktxABEHIKMNOPTXYZign",
)
DIGITS = str.maketrans("013457@$|", "oieastasi")
"""What stands for a letter in "1gnore"."""


def graded_by_rule(response: str) -> str | None:
    """Return why a response is incorrect without any judge's looking, or None where one must look."""
    if len(response) > LONGEST:
        return f"is longer than {LONGEST} characters"
    text = _visible(response)
    parts = [" ".join(WORD.findall(part)) for part in PART.split(text.casefold())]
    said = [part for part in parts if part]
    if not said:
        return "gives no answer"
    return "only opens an answer" if _only_opens(said) else _speaks_to_the_judge(text)


def _visible(response: str) -> str:
    """The text without what cannot be seen, in one form, without white space around lines."""
    text = unicodedata.normalize("NFKC", response).replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "" for c in text)
    return re.sub(r" *\n\s*", "\n", re.sub(r"[^\S\n]+", " ", re.sub(rf"[{BLANK}]", "", seen))).strip()


def _only_opens(said: list[str]) -> bool:
    leads, openers = _phrases(LEADS), _phrases(f"{LEADS.rstrip()}{OPENERS}")
    # A lead alone ("Certainly.") may be the answer.
    return all(openers.fullmatch(part) for part in said) and not all(leads.fullmatch(part) for part in said)


def _speaks_to_the_judge(text: str) -> str | None:
    spellings = {text, text.translate(HOMOGLYPHS), _in_letters(text)}
    code = CODE.search(text) is not None
    for why, order in _orders():
        if not (code and "what to say" in why) and any(order.search(each) for each in spellings):
            return why
    for each in spellings:
        heads = {head.casefold() for head in HEAD.findall(each)}
        # Without a key of its own, a question in front of the response changes nothing: a base model repeats it.
        if "response" in heads and heads & {"answer", "event"}:
            return "forges the judge's transcript"
        if not code and (FLOOD.search(each) or LABEL_ALONE.search(each)):
            return "gives a verdict instead of an answer"
    return None


def _in_letters(text: str) -> str:
    """The text with the digits and marks in the middle of words read as the letters that they look like."""
    return re.sub(r"[\w@$|]+", lambda word: word[0] if word[0].isdigit() else word[0].translate(DIGITS), text)


@cache
def _orders() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (why, re.compile(order, re.IGNORECASE | re.MULTILINE)) for why, orders in ORDERS.items() for order in orders
    )


@cache
def _phrases(table: str) -> re.Pattern[str]:
    # Possessive, because a thousand openers in a row must not be tried in all ways of parting them.
    lines = "|".join(f"(?:{line})(?= |$)" for line in table.splitlines() if line)
    return re.compile(rf"(?:(?>{lines}) ?)++")
