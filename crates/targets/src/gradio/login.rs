//! Logging in to an app that was launched with `auth=`.

use super::app::AppError;
use plimsoll_model::Login;
use plimsoll_wire::{Client, HeaderValue, Request};

/// `POST /login`, form-encoded. The session cookies end up in the client's jar.
pub(super) async fn log_in(client: &mut Client, login: &Login) -> Result<(), AppError> {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form = format!("username={}&password={}", encode(&login.user), encode(login.password.expose()));
    let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    let (response, _) = client.fetch(Request::post("/login", content_type, form), 1 << 20).await?;
    match response.status {
        200..=399 => Ok(()),
        400 | 401 | 403 => Err(AppError::WrongPassword(login.user.clone())),
        status => Err(AppError::Status { what: "/login".to_owned(), status }),
    }
}

/// A value as it stands in the login form.
pub fn form_encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}
