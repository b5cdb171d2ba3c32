//! A limit for what is polled very often.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The future's output, or `None` when it takes longer than this. A stream is woken for each of its tokens: asking the
/// runtime's timer each time took 6 % of the CPU time of a token, looking at the clock takes 20 ns. The timer is asked
/// once, so that it wakes the task at the end; the task that polls must stay the same.
pub(super) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let end = Instant::now().checked_add(limit);
    let mut future = pin!(future);
    let mut timer = pin!(tokio::time::sleep(limit));
    let mut asked = false;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let over = if asked {
            end.is_some_and(|end| Instant::now() >= end)
        } else {
            asked = true;
            timer.as_mut().poll(context).is_ready()
        };
        if over { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_in_time_is_given_and_what_is_not_is_ended() {
        let short = Duration::from_millis(30);
        assert_eq!(within(short, async { 7 }).await, Some(7));
        assert_eq!(within(short, std::future::pending::<u8>()).await, None);
        // Woken often before its end, as a stream is.
        let started = Instant::now();
        let ticking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert_eq!(within::<()>(short, ticking).await, None);
        assert!(started.elapsed() >= short && started.elapsed() < Duration::from_secs(5));
    }
}
