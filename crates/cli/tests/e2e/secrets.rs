//! Secrets appear in no file and no output, not even when the server sends them back.

use crate::support::{Ended, Plimsoll, fixture};

const PASSWORD: &str = "correct horse";
const SECRETS: [&str; 3] = [PASSWORD, "SECRET1", "SECRET2"];

fn with_secrets(call: Plimsoll) -> Plimsoll {
    let auth = format!("user:{PASSWORD}");
    call.args(["--auth", &auth, "--header", "Authorization: Bearer SECRET1", "--cookie", "sid=SECRET2"])
}

fn hides_all(ended: &Ended) {
    SECRETS.iter().for_each(|secret| ended.hides(secret));
}

#[test]
fn a_server_that_sends_them_back() {
    let call = Plimsoll::app(fixture("login.py")).args(["--api-name", "/leak", "--tiers", "2"]);
    let ended = with_secrets(call.args(["--requests-per-user", "2", "--warmup", "1"])).run().code(3);
    let errors: Vec<String> =
        ended.requests(2).iter().map(|request| request["error"].as_str().unwrap().to_owned()).collect();
    // They did come back: what stands around them is there.
    for known in ["authorization: ", "sid=***", "***"] {
        assert!(errors.iter().all(|error| error.contains(known)), "no {known:?} in {errors:?}");
    }
    let log = std::fs::read_to_string(ended.run_dir().join("app.log")).unwrap();
    assert!(log.contains("sid=***"), "{log}");
    hides_all(&ended);
    ended.left_no_process();
}

#[test]
fn the_same_printed_as_json() {
    let call = Plimsoll::app(fixture("login.py")).args(["--api-name", "/leak", "--tiers", "1", "--json"]);
    let ended = with_secrets(call.args(["--requests-per-user", "1", "--warmup", "0"])).run().code(3);
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let example = summary["tiers"][0]["errors"]["app_error"]["example"].as_str().unwrap();
    assert!(example.contains("***"), "{example}");
    hides_all(&ended);
}

#[test]
fn a_dry_run() {
    let ended = with_secrets(Plimsoll::app("echo_text").arg("--dry-run")).run().code(0);
    let plan: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(plan["auth"]["password"], "***", "{plan:#}");
    assert_eq!(plan["headers"][0][1], "***", "{plan:#}");
    assert_eq!(plan["cookies"][0][1], "***", "{plan:#}");
    hides_all(&ended);
    let ended = Plimsoll::app("echo_text").arg("--dry-run").env("PLIMSOLL_AUTH", "user:SECRET1").run().code(0);
    ended.hides("SECRET1");
}

#[test]
fn malformed_ones_are_not_repeated() {
    for (flag, value) in [
        ("--auth", "SECRETWITHOUTCOLON"),
        ("--auth", ":SECRETWITHOUTUSER"),
        ("--header", "SECRETNOCOLON"),
        ("--header", "Authorization: SECRET\nTWO"),
        ("--header", "SECRET NAME: x"),
        ("--cookie", "SECRETNOEQUALS"),
        ("--cookie", "sid=SECRET\u{1}"),
    ] {
        for dry in [&[][..], &["--dry-run"]] {
            let ended = Plimsoll::app("echo_text").args([flag, value]).args(dry).run().code(2).says(flag).did_nothing();
            ended.hides("SECRET");
        }
    }
    Plimsoll::app("echo_text").env("PLIMSOLL_AUTH", "SECRETWITHOUTCOLON").run().code(2).hides("SECRET");
}

#[test]
fn a_usage_error_beside_them_does_not_repeat_them() {
    let ended = with_secrets(Plimsoll::app("echo_text").args(["--tiers", "0"])).run().code(2);
    hides_all(&ended);
    Plimsoll::app("echo_text").args(["--auth=user:SECRET1", "--mode", "x"]).run().code(2).hides("SECRET1");
    Plimsoll::new().arg("run").env("PLIMSOLL_AUTH", "user:SECRET1").run().code(2).hides("SECRET1");
    let help = Plimsoll::new().args(["run", "--help"]).env("PLIMSOLL_AUTH", "user:SECRET1").run().code(0);
    help.hides("SECRET1");
}

#[test]
fn one_within_the_address() {
    let nobody = crate::support::port();
    for dry in [&[][..], &["--dry-run"]] {
        let ended = Plimsoll::url(format!("http://user:SECRET1@127.0.0.1:{nobody}")).args(dry).timeout(30).run();
        ended.hides("SECRET1");
    }
}
