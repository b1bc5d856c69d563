//! Lures without a link: messages that ask for credentials, one-time codes or money under pressure.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::super::anchors::Owner;
use super::super::hay::{Hay, is_word};
use crate::asset::{Match, Severity};

const DATA: &str = include_str!("../../../../data/text/sensitive/lures.toml");

/// How far from an anchor a word that gives it meaning may stand, in bytes.
const NEAR: usize = 56;

/// How far apart the parts of one lure stand at most, and how long it is at most, in bytes.
const GAP: usize = 400;
const LONGEST: usize = 2400;

/// What a link that hides where it leads adds.
const VEILED: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Class {
    Credential,
    Code,
    Payment,
    Prize,
    Account,
    Urgency,
    Threat,
    Action,
    Secrecy,
    Brand,
    Calm,
    #[serde(skip)]
    Link,
}

/// How many classes there are, and the rules of those that say what the sender wants, in their order.
const CLASSES: usize = 12;
const WANTS: [&str; 4] = ["lure-for-credentials", "lure-for-code", "lure-for-payment", "lure-by-prize"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    bar: f64,
    group: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    class: Class,
    weight: f64,
    anchors: Vec<String>,
    near: Vec<String>,
}

/// The phrases, compiled.
#[derive(Debug)]
pub(in super::super) struct Lures {
    bar: f64,
    groups: Vec<(Group, Option<AhoCorasick>)>,
}

/// The lure that is being read: what of each class was found, and where.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Stretch {
    span: Range<usize>,
    best: [f64; CLASSES],
}

impl Stretch {
    /// Where it begins, unless nothing that begins at `at` or later can be part of it.
    pub(in super::super) fn open_at(&self, at: usize) -> Option<usize> {
        (!self.span.is_empty() && at <= self.span.end + GAP).then_some(self.span.start)
    }

    /// After `cut` bytes at the beginning of the text are gone.
    pub(in super::super) fn shift(&mut self, cut: usize) {
        self.span = self.span.start.saturating_sub(cut)..self.span.end.saturating_sub(cut);
    }
}

impl Lures {
    pub(in super::super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let data: Data = toml::from_str(DATA)?;
        let compile = |words: &[String]| AhoCorasick::builder().ascii_case_insensitive(true).build(words);
        let group = |g: Group| {
            let near = if g.near.is_empty() { None } else { Some(compile(&g.near)?) };
            Ok::<_, aho_corasick::BuildError>((g, near))
        };
        Ok(Self { bar: data.bar, groups: data.group.into_iter().map(group).collect::<Result<_, _>>()? })
    }

    /// The literals that announce parts of lures.
    pub(in super::super) fn anchors(&self) -> impl Iterator<Item = (String, Owner)> {
        let numbered = self.groups.iter().zip(0_u16..);
        numbered.flat_map(|((group, _), index)| group.anchors.iter().map(move |a| (a.clone(), Owner::Lure(index))))
    }

    /// Adds what `anchor` of group `index` tells.
    pub(in super::super) fn phrase(
        &self,
        hay: Hay<'_>,
        index: u16,
        anchor: Range<usize>,
        stretch: &mut Stretch,
        matches: &mut Vec<Match>,
    ) {
        let Some((group, near)) = self.groups.get(usize::from(index)) else { return };
        // A short word must end too: `tan` is not in `tangible`.
        if is_word(hay.before(anchor.start)) || (anchor.len() < 6 && is_word(hay.at(anchor.end))) {
            return;
        }
        if let Some(near) = near {
            let begins = |text: &str| {
                let word = |at: usize| text.as_bytes().get(at.wrapping_sub(1)).copied().is_some_and(is_word);
                near.find_overlapping_iter(text).any(|hit| !word(hit.start()))
            };
            if !begins(hay.window_before(anchor.start, NEAR)) && !begins(hay.window(anchor.end, NEAR)) {
                return;
            }
        }
        self.add(group.class, group.weight, anchor, stretch, matches);
    }

    /// Adds a link at `span` that hides where it leads.
    pub(in super::super) fn link(&self, span: Range<usize>, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        self.add(Class::Link, VEILED, span, stretch, matches);
    }

    fn add(&self, class: Class, weight: f64, at: Range<usize>, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        let far = at.start > stretch.span.end + GAP || at.end > stretch.span.start + LONGEST;
        if far {
            self.close(stretch, matches);
        }
        if stretch.span.is_empty() {
            stretch.span = at.clone();
        }
        stretch.span.end = stretch.span.end.max(at.end);
        if let Some(best) = stretch.best.get_mut(class as usize)
            && weight.abs() > best.abs()
        {
            *best = weight;
        }
    }

    /// Ends the stretch and pushes it if it is a lure.
    pub(in super::super) fn close(&self, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        let Stretch { span, best } = std::mem::take(stretch);
        let sum: f64 = best.iter().sum();
        let want = best.iter().zip(WANTS).filter(|(b, _)| **b > 0.0).max_by(|a, b| a.0.total_cmp(b.0));
        if let Some((_, rule)) = want
            && sum >= self.bar
        {
            let score = (0.5 + (sum - self.bar) * 0.07).min(0.95);
            let severity = if score >= 0.65 { Severity::High } else { Severity::Medium };
            matches.push(Match::new("phishing", "PHISHING_LURE", rule, score, severity, span));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::asset::TextRole;
    use crate::text::sensitive::Sensitive;

    fn rules(text: &str) -> Vec<String> {
        let mut matches = Vec::new();
        Sensitive::builtin().find(text, TextRole::Document, &mut matches);
        matches.iter().filter(|m| m.kind == "PHISHING_LURE").map(|m| m.rule.to_string()).collect()
    }

    #[test]
    fn lures_are_found_in_eight_languages() {
        for text in [
            "Dear customer, your account has been suspended due to unusual activity. Please verify your identity within 24 hours or it will be permanently closed.",
            "PayPal: We noticed a suspicious login. Confirm your password immediately by replying to this message or your account will be limited.",
            "Hi, it's the CEO. I'm in a meeting right now and need you to buy five gift cards for a client. Scratch them and send me the codes. Keep this between us.",
            "Hello mom, my phone broke, this is my new number. Urgent: please send me the verification code you just received.",
            "USPS: your package could not be delivered. Pay the small redelivery fee of $1.99 today, click the link below to avoid it being returned to sender.",
            "Congratulations! You have won a cash prize of $5,000. Claim your reward now, click here and enter your card number.",
            "Your mailbox is full. Update your email account and enter your password immediately or you will lose access to new messages.",
            "IRS final notice: legal action will be taken unless you pay by wire transfer today. Call us immediately.",
            "Your wallet has been compromised. Import your seed phrase to the secure portal immediately to restore access.",
            "This is the IT department. Your password expires today. Reply with your username and your password so that we can keep your account active.",
            "Netflix: your payment was declined and your subscription is on hold. Update your billing information within 48 hours.",
            "I recorded you through your webcam. Send 0.5 bitcoin to the address below within 48 hours or all your contacts will get the video.",
            "Please process this unpaid invoice today. We have a new bank account, transfer the money as soon as possible and keep this confidential.",
            "Sehr geehrter Kunde, Ihr Konto wurde eingeschränkt. Bitte bestätigen Sie Ihre Daten innerhalb von 24 Stunden, sonst wird der Zugang gesperrt. Klicken Sie hier.",
            "DHL: Ihr Paket wartet. Bitte bezahlen Sie die Zollgebühr von 2,99 EUR umgehend über den Link, sonst geht die Sendung zurück.",
            "Sparkasse: Geben Sie Ihre PIN und TAN ein, um Ihr Konto zu entsperren. Handeln Sie umgehend.",
            "Cher client, votre compte a été suspendu. Veuillez confirmer vos informations sous 24 heures en cliquant sur le lien ci-dessous.",
            "La Poste : votre colis est en attente. Payez les frais de livraison de 1,99 € immédiatement, cliquez sur le lien suivant.",
            "Salut maman, j'ai changé de numéro. C'est urgent, envoie-moi le code de vérification que tu as reçu.",
            "Estimado cliente: su cuenta ha sido bloqueada por actividad inusual. Verifique sus datos en 24 horas haciendo clic en el siguiente enlace.",
            "Correos: su paquete está retenido. Pague los gastos de aduana de inmediato, pulse aquí.",
            "Gentile cliente, il suo conto è stato sospeso. Verifichi i suoi dati entro 24 ore, clicca qui per confermare.",
            "Poste Italiane: il tuo pacco è in giacenza. Paga le spese di spedizione immediatamente, clicca sul link.",
            "Prezado cliente, sua conta foi bloqueada. Confirme seus dados em 24 horas, clique no link abaixo.",
            "Correios: sua encomenda está retida. Pague a taxa de importação imediatamente, clique aqui.",
            "Geachte klant, uw account is geblokkeerd. Bevestig uw gegevens binnen 24 uur via de link, klik hier.",
            "PostNL: uw pakket wordt vastgehouden. Betaal de verzendkosten onmiddellijk, klik op de link.",
            "Szanowny kliencie, Twoje konto zostało zablokowane. Zweryfikuj swoje dane w ciągu 24 godzin, kliknij poniższy link.",
            "InPost: Twoja przesyłka została wstrzymana. Prosimy natychmiast uregulować dopłatę, kliknij link.",
        ] {
            assert_eq!(rules(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn honest_notices_are_none() {
        for text in [
            "You requested a password reset. Click the link below to choose a new password. The link expires in 24 hours. If you did not request this, you can safely ignore this message.",
            "We noticed a new sign-in to your account from Berlin. If this was you, no action is needed. We will never ask for your password by e-mail.",
            "Your verification code is 123456. It expires in 10 minutes. Do not share this code with anyone; our staff will never ask for it.",
            "Your invoice for March is attached. Please pay by bank transfer within 14 days. Thank you for your business.",
            "Reminder: your invoice is overdue. Please transfer the amount as soon as possible or contact us if you have already paid.",
            "Security newsletter: how to spot phishing attacks. Scammers say that your account is suspended, urge you to act immediately and ask you to verify your identity through a link.",
            "Your package has been delivered. Thank you for shopping with us. Click here to rate your experience.",
            "Your subscription renews on 1 May. To change your plan, visit the billing page in your account settings.",
            "Please confirm your email address by clicking the button below. The link is valid for 24 hours.",
            "The function raises an error if the password is missing. Callers must confirm the token immediately after login and update the account record.",
            "Set your API key in the environment and update your account details in the settings page before you deploy. Click here for the docs.",
            "Meeting moved to 3 pm. Can you send me the slides as soon as possible? Thanks!",
            "We bought gift cards for the winners of the hackathon; please pick yours up at the desk.",
            "To protect customers, the bank blocked the card after three wrong PINs and sent a letter to verify the identity of the owner.",
            "Bitcoin fell by 5 % today after traders moved coins to exchanges. Analysts urgently call for regulation.",
            "Ihre Rechnung für März liegt bei. Bitte überweisen Sie den Betrag innerhalb von 14 Tagen.",
            "Sie haben ein neues Passwort angefordert. Klicken Sie auf den folgenden Link. Falls Sie das nicht angefordert haben, können Sie diese E-Mail ignorieren.",
            "Votre facture est disponible dans votre espace client. Le prélèvement aura lieu le 5 mai.",
            "Su pedido ha sido enviado y llegará en 48 horas. Puede seguir el envío en su cuenta.",
            "Il tuo ordine è stato spedito. Puoi seguire la spedizione nel tuo account.",
            "Sua fatura está disponível. Acesse o aplicativo para pagar com Pix até o dia 10.",
            "Uw bestelling is verzonden en wordt binnen 24 uur bezorgd. Volg uw pakket via de link.",
            "Twoje zamówienie zostało wysłane. Przesyłkę możesz śledzić na swoim koncie.",
            "The user asked how to close an account: open settings, enter your password and confirm. It will be permanently deleted after 30 days.",
            "Action required: your GitHub Actions runner version is deprecated and will be disabled. Update your workflow immediately.",
            "Complete your tax return by 31 January. You can pay by bank transfer or card. HMRC will never ask for your PIN.",
        ] {
            assert!(rules(text).is_empty(), "{text}: {:?}", rules(text));
        }
    }

    #[test]
    fn parts_far_from_each_other_make_no_lure() {
        let apart = " lorem ipsum dolor sit amet".repeat(20);
        let text =
            format!("Verify your account.{apart} Act now!{apart} Click here.{apart} It was suspended by your bank.");
        assert!(rules(&text).is_empty());
        assert_eq!(rules("Verify your password now: https://bit.ly/x and act now, click here.").len(), 1);
    }
}
